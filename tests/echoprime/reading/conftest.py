"""A tiny maker of ultrasound loops, as pictures and as DICOM objects."""

import io

import av
import cv2
import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from echoprime.reading.colour import Rgb, YCbCr, ycbcr_from_rgb
from echoprime.reading.loop import Frame, Loop

PATIENT = "HEARTLEY^JANE"


def make_loop(count=8, rows=96, columns=128):
    """R-G-B uint8 (count, rows, columns, 3): a speckled sector that changes, a coloured box, a text."""
    speckle = np.random.default_rng(5).integers(20, 200, (rows, columns))
    y, x = np.mgrid[0:rows, 0:columns]
    sector = (np.hypot(x - columns / 2, y) < rows * 0.9) & (abs(x - columns / 2) < y * 0.8 + 4)
    frames = np.zeros((count, rows, columns, 3), np.uint8)
    for index, frame in enumerate(frames):
        grey = np.clip(np.roll(speckle, 3 * index, axis=1) + 5 * (index % 9), 1, 255)
        frame[sector] = grey[sector][:, None]
        box = slice(rows // 2, rows // 2 + 16), slice(columns // 2 - 8, columns // 2 + 8)
        frame[box] = [200, 40, 10] if index % 2 else [10, 50, 210]
        cv2.putText(frame, "TT", (26, 22), cv2.FONT_HERSHEY_PLAIN, 0.8, (255, 255, 255))
    return frames


def make_grey_loop(**shape):
    """Luma of `make_loop`, uint8 (count, rows, columns)."""
    return np.stack([ycbcr_from_rgb(frame)[..., 0] for frame in make_loop(**shape)])


def clip_of_pictures(frames, colour=None, order=None):
    """Clip of R-G-B frames (or those of `colour`) without a file around them, taken in `order`."""
    loop, colour = Loop(), colour or Rgb()
    for index in order or range(len(frames)):
        loop.add(Frame(frames[index], colour, index, last=index == len(frames) - 1))
    return loop.clips()[0]


def make_dicom(frames, photometric, *, syntax=ExplicitVRLittleEndian, pixels=None, **elements):
    """A multi-frame object of native frames, or with `pixels`: encapsulated streams, or raw bytes."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.3.4"
    made.PatientName, made.PatientID = PATIENT, "MRN-424242"
    made.NumberOfFrames, made.Rows, made.Columns = frames.shape[:3]
    made.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    made.PhotometricInterpretation = photometric
    made.BitsAllocated = 8 * frames.dtype.itemsize
    made.BitsStored, made.HighBit, made.PixelRepresentation = made.BitsAllocated, made.BitsAllocated - 1, 0
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = 0
    if isinstance(pixels, list):
        made.PixelData = encapsulate([bytes(stream) for stream in pixels])
    else:
        big = syntax == ExplicitVRBigEndian
        raw = frames.astype(frames.dtype.newbyteorder(">" if big else "<")).tobytes()
        made.PixelData = raw if pixels is None else pixels
    made["PixelData"].VR = "OB" if made.BitsAllocated == 8 else "OW"
    made["PixelData"].is_undefined_length = isinstance(pixels, list)
    for name, value in elements.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    file = io.BytesIO()
    made.save_as(
        file,
        enforce_file_format=True,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
    )
    return file.getvalue()


def make_jpeg_dicom(frames=None, *, stored="YCBCR", photometric="YBR_FULL", level=95, **elements):
    """A JPEG baseline object of R-G-B frames, 4:4:4."""
    frames = make_loop() if frames is None else frames
    streams = [
        imagecodecs.jpeg8_encode(
            frame, level=level, colorspace="RGB", outcolorspace=stored, subsampling="444"
        )
        for frame in frames
    ]
    elements.setdefault("pixels", streams)
    return make_dicom(frames, photometric, syntax=JPEGBaseline8Bit, **elements)


def make_video(frames, codec="mpeg4", container="avi", pixels="yuv420p"):
    """A video file of R-G-B frames."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=30)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def furthest(clip, other):
    """Largest difference of two clips in levels."""
    return int(np.abs(clip.frames.astype(int) - other.frames).max())


class Maker:
    """All of the above, as one fixture: test folders are no packages to import from."""

    PATIENT = PATIENT
    YCbCr = YCbCr
    loop = staticmethod(make_loop)
    grey_loop = staticmethod(make_grey_loop)
    clip = staticmethod(clip_of_pictures)
    dicom = staticmethod(make_dicom)
    jpeg_dicom = staticmethod(make_jpeg_dicom)
    video = staticmethod(make_video)
    furthest = staticmethod(furthest)


@pytest.fixture(scope="session")
def make():
    """Makers of loops, objects and videos, and what compares clips."""
    return Maker
