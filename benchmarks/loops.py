"""The loops that reading is timed on: real JPEG loops, and the same pictures stored in other ways."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import av
import cv2
import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

Pixels = NDArray[np.uint8]

COMMITTED = Path(__file__).parents[1] / "tests" / "data" / "videos"
REAL = ("examples_ybr_color.dcm", "color3d_jpeg_baseline.dcm")
"""Ultrasound loops of scanners: the first comes with pydicom, the second with pydicom-data."""
H264 = "1.2.840.10008.1.2.4.102"


def jpeg_loops(folder: Path | None) -> dict[str, bytes]:
    """JPEG loops of a folder (default: the committed one), and those of pydicom that are installed."""
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    found = {path.name: path.read_bytes() for path in sorted((folder or COMMITTED).glob("*.dcm"))}
    for name in REAL:
        path = get_testdata_file(name, download=False)
        if isinstance(path, str):
            found[name] = Path(path).read_bytes()
    return {name: data for name, data in found.items() if _is_jpeg_loop(data)}


def mp4_files(folder: Path | None) -> list[bytes]:
    """Video files of a folder (default: the committed one)."""
    return [path.read_bytes() for path in sorted((folder or COMMITTED).glob("*.mp4"))]


def _is_jpeg_loop(data: bytes) -> bool:
    made = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    return made.file_meta.TransferSyntaxUID == JPEGBaseline8Bit and int(made.get("NumberOfFrames", 1)) > 1


def streams_of(data: bytes) -> list[bytes]:
    """JPEG streams of a loop's frames."""
    made = pydicom.dcmread(io.BytesIO(data))
    return list(generate_frames(made.PixelData, number_of_frames=int(made.NumberOfFrames)))


def rgb_of(data: bytes) -> Pixels:
    """A JPEG loop's pictures, uint8 (frames, rows, columns, 3), R-G-B."""
    return np.stack([imagecodecs.jpeg8_decode(stream, outcolorspace="RGB") for stream in streams_of(data)])


def raw_dicom(pixels: NDArray[np.generic], photometric: str) -> bytes:
    """A native object of frames: (frames, rows, columns) or (frames, rows, columns, 3)."""
    return _dicom(pixels.shape, photometric, ExplicitVRLittleEndian, pixels.tobytes(), pixels.itemsize)


def h264_dicom(frames: Pixels) -> bytes:
    """One H.264 stream inside a DICOM object."""
    stream = h264(frames, "h264")
    return _dicom(frames.shape, "YBR_PARTIAL_420", H264, encapsulate([stream]), 1)


def jpeg_dicom(frames: Pixels, level: int = 90) -> bytes:
    """A JPEG object."""
    streams = [imagecodecs.jpeg8_encode(frame, level=level) for frame in frames]
    return _dicom(frames.shape, "YBR_FULL_422", JPEGBaseline8Bit, encapsulate(streams), 1)


def h264(frames: Pixels, container: str = "mp4") -> bytes:
    """Frames as a video file of even sides."""
    rows, columns = frames.shape[1] & ~1, frames.shape[2] & ~1
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = rows, columns, "yuv420p"
        for frame in frames[:, :rows, :columns]:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def large_loop(data: bytes, rows: int = 800, columns: int = 1000, count: int = 200) -> Pixels:
    """A loop's pictures, enlarged and repeated forwards and backwards."""
    frames = rgb_of(data)
    turns = np.abs((np.arange(count) + len(frames) - 1) % (2 * len(frames) - 2) - (len(frames) - 1))
    return np.stack([cv2.resize(frames[turn], (columns, rows)) for turn in turns])


def _dicom(shape: tuple[int, ...], photometric: str, syntax: str, pixels: bytes, size: int) -> bytes:
    made = pydicom.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    made.NumberOfFrames, made.Rows, made.Columns = shape[:3]
    made.SamplesPerPixel = shape[3] if len(shape) == 4 else 1
    made.PhotometricInterpretation, made.PixelRepresentation = photometric, 0
    made.BitsAllocated = made.BitsStored = 8 * size
    made.HighBit = made.BitsStored - 1
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = 0
    made.PixelData = pixels
    made["PixelData"].VR = "OB" if size == 1 else "OW"
    made["PixelData"].is_undefined_length = made.file_meta.TransferSyntaxUID.is_encapsulated
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()
