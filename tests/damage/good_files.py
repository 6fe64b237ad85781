"""Small sound files of every family of format: what the damaged ones are made of."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import av
import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from echoprime.reading.colour import ycbcr_from_rgb

MARKER = "HEARTLEY"
"""Part of every text in the headers that could tell a patient; no outcome may hold it."""

FRAMES, ROWS, COLUMNS = 6, 72, 96

_PATIENT = {
    "PatientName": f"{MARKER}^JANE",
    "PatientID": f"MRN-{MARKER}",
    "PatientBirthDate": "19500101",
    "StudyDescription": f"{MARKER} echo",
    "InstitutionName": f"{MARKER} HOSPITAL",
    "StudyInstanceUID": "1.2.3.4.5",
    "SOPInstanceUID": "1.2.3.4.6",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.3.1",
    "Modality": "US",
    "FrameTime": "33.3",
    "Manufacturer": "Drawn",
}

Pictures = npt.NDArray[np.uint8]


def loop(count: int = FRAMES) -> Pictures:
    """R-G-B (count, rows, columns, 3): a speckled sector in which a bright spot wanders."""
    speckle = np.random.default_rng(5).integers(20, 160, (ROWS, COLUMNS))
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    sector = (np.hypot(x - COLUMNS / 2, y) < ROWS * 0.95) & (abs(x - COLUMNS / 2) < y * 0.9 + 6)
    frames = np.zeros((count, ROWS, COLUMNS, 3), np.uint8)
    for index, frame in enumerate(frames):
        grey = np.roll(speckle, 3 * index, axis=1) + 5 * (index % 9)
        frame[sector] = grey[sector][:, None]
        cv2.circle(frame, (30 + 5 * (index % 7), 45), 7, (200, 60 + 20 * (index % 3), 30), -1)
    return frames


def dicom(
    frames: Pictures, photometric: str, syntax: str, pixels: bytes | None = None, **elements: object
) -> bytes:
    """A multi-frame object; native frames, or with `pixels` encapsulated ones, which may be anything."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = _PATIENT["SOPClassUID"]
    made.file_meta.MediaStorageSOPInstanceUID = _PATIENT["SOPInstanceUID"]
    for name, value in _PATIENT.items():
        setattr(made, name, value)
    made.NumberOfFrames, made.Rows, made.Columns = frames.shape[:3]
    made.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    made.PhotometricInterpretation = photometric
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    if frames.ndim == 4:
        made.PlanarConfiguration = 0
    if pixels is None:
        made.PixelData = frames.tobytes()
        made["PixelData"].VR = "OB"
    for name, value in elements.items():
        setattr(made, name, value)
    file = io.BytesIO()
    little, implicit = syntax != "1.2.840.10008.1.2.2", syntax == "1.2.840.10008.1.2"
    made.save_as(file, enforce_file_format=True, implicit_vr=implicit, little_endian=little)
    encapsulated = b"" if pixels is None else b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + pixels
    return file.getvalue() + encapsulated


def encapsulated(streams: list[bytes], *, table: bool = True) -> bytes:
    """Fragments of these, an offset table before them, and the delimiter behind."""
    return encapsulate(streams, has_bot=table) + b"\xfe\xff\xdd\xe0\0\0\0\0"


def jpeg(picture: Pictures, **options: object) -> bytes:
    """One baseline frame, stored as Y-Cb-Cr 4:2:2."""
    chosen = {"level": 90, "colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": "422", **options}
    return bytes(imagecodecs.jpeg8_encode(picture, **chosen))


def jpeg_dicom(frames: list[bytes], **elements: object) -> bytes:
    """A JPEG baseline object of these streams, an offset table before them."""
    syntax = "1.2.840.10008.1.2.4.50"
    return dicom(loop(len(frames)), "YBR_FULL_422", syntax, encapsulated(frames), **elements)


def video(codec: str, container: str, pixels: str = "yuv420p", count: int = FRAMES, rate: int = 30) -> bytes:
    """A video file of the loop."""
    file = io.BytesIO()
    options = {"x265-params": "log-level=none:pools=1"} if codec == "libx265" else {}
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = ROWS, COLUMNS, pixels
        for frame in loop(count):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def _compressed(
    frames: Pictures, syntax: str, photometric: str, encode: Callable[[Pictures], object]
) -> bytes:
    streams = [bytes(encode(frame)) for frame in frames]  # type: ignore[call-overload]
    return dicom(frames, photometric, f"1.2.840.10008.1.2{syntax}", encapsulated(streams))


def run_length(picture: Pictures) -> bytes:
    """A run-length frame of colours or grey."""
    planar = np.ascontiguousarray(np.moveaxis(np.atleast_3d(picture), -1, 0))
    return _rle_frame([plane.tobytes() for plane in planar])


def _rle_frame(planes: list[bytes]) -> bytes:
    """PS3.5 annex G: a header of 64 bytes, then each plane packed."""
    segments = [bytes(imagecodecs.packbits_encode(plane)) for plane in planes]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    starts = np.cumsum([64, *map(len, segments)])[:-1]
    header = np.zeros(16, "<u4")
    header[0], header[1 : 1 + len(starts)] = len(starts), starts
    return header.tobytes() + b"".join(segments)


@cache
def good_files(count: int = FRAMES) -> dict[str, bytes]:
    """Name to file of so many frames; the name says the family, and whether it is DICOM."""
    frames = loop(count)
    grey = np.stack([ycbcr_from_rgb(frame)[..., 0] for frame in frames])
    explicit, implicit = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
    mp4 = video("libx264", "mp4", count=count)
    return {
        "grey.dcm": dicom(grey, "MONOCHROME2", explicit),
        "implicit.dcm": dicom(grey, "MONOCHROME2", implicit),
        "big-endian.dcm": dicom(grey, "MONOCHROME1", "1.2.840.10008.1.2.2"),
        "rgb.dcm": dicom(frames, "RGB", explicit),
        "deflated.dcm": dicom(frames, "RGB", "1.2.840.10008.1.2.1.99"),
        "rle.dcm": _compressed(frames, ".5", "RGB", run_length),
        "jpeg.dcm": jpeg_dicom([jpeg(frame) for frame in frames]),
        "jpeg-lossless.dcm": _compressed(
            frames,
            ".4.70",
            "RGB",
            lambda each: jpeg(each, lossless=True, outcolorspace="RGB", subsampling="444"),
        ),
        "jpeg-ls.dcm": _compressed(frames, ".4.80", "RGB", imagecodecs.jpegls_encode),
        "j2k.dcm": _compressed(
            frames, ".4.90", "YBR_RCT", lambda each: imagecodecs.jpeg2k_encode(each, codecformat="J2K")
        ),
        "htj2k.dcm": _compressed(frames, ".4.201", "YBR_RCT", imagecodecs.htj2k_encode),
        "h264.dcm": dicom(frames, "YBR_PARTIAL_420", f"{implicit}.4.102", encapsulated([mp4], table=False)),
        "mpeg2.dcm": dicom(
            frames,
            "YBR_PARTIAL_420",
            f"{implicit}.4.100",
            encapsulated([video("mpeg2video", "mpegts", count=count)], table=False),
        ),
        "h264.mp4": mp4,
        "hevc.mp4": video("libx265", "mp4", count=count),
        "h264.mov": video("libx264", "mov", count=count),
        "mpeg4.avi": video("mpeg4", "avi", count=count),
        "mjpeg.avi": video("mjpeg", "avi", "yuvj420p", count=count),
        "raw.avi": video("rawvideo", "avi", "bgr24", count=count),
        "ffv1.mkv": video("ffv1", "matroska", count=count),
        "h264.mkv": video("libx264", "matroska", count=count),
    }
