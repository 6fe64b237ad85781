"""The published preprocessing written plainly, as without this project: what reading is timed against.

pydicom, Pillow or FFmpeg decode the whole loop into one array; OpenCV then takes one frame at a time, and
the clip's frames are chosen at the end. README, "The method", 1.
"""

from __future__ import annotations

import io

import av
import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import generate_frames

Pixels = NDArray[np.uint8]

TAKEN, STRIDE, SIDE = 32, 2, 224
VIDEO = "1.2.840.10008.1.2.4.10"  # MPEG-2, H.264 and HEVC begin so


def read_dicom(data: bytes, *, all_frames: bool = True) -> Pixels:
    """Clip of a DICOM loop, uint8 (16, 224, 224, 3).

    As published all frames are masked, cropped and scaled before the clip's are chosen. Without `all_frames`
    those alone are: a plain script that thinks of it.
    """
    made = pydicom.dcmread(io.BytesIO(data))
    frames = _ycbcr(made)
    mask = _sector(frames)
    chosen = frames if all_frames else frames[:TAKEN:STRIDE]
    scaled = np.zeros((max(len(chosen), TAKEN), SIDE, SIDE, 3), np.uint8)
    for out, frame in zip(scaled, chosen, strict=False):
        bgr = cv2.cvtColor(frame, cv2.COLOR_YUV2BGR)
        out[:] = _scaled(cv2.bitwise_and(bgr, bgr, mask=mask))
    return scaled[:TAKEN:STRIDE] if all_frames else scaled[: TAKEN // STRIDE]


def frames_in(data: bytes) -> int:
    """Frames of a DICOM loop, by its header."""
    return int(pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True).NumberOfFrames)


def read_video(data: bytes, *, all_frames: bool = True) -> Pixels:
    """Clip of a video file, uint8 (16, 224, 224, 3).

    As published the whole file is decoded and scaled. Without `all_frames` decoding ends with the 32nd frame.
    """
    frames = []
    with av.open(io.BytesIO(data)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) == TAKEN and not all_frames:
                break
    scaled = np.zeros((max(len(frames), TAKEN), SIDE, SIDE, 3), np.uint8)
    for out, picture in zip(scaled, np.stack(frames), strict=False):
        out[:] = _scaled(picture)
    return scaled[:TAKEN:STRIDE]


def _ycbcr(made: pydicom.Dataset) -> Pixels:
    """Whole loop, uint8 (frames, rows, columns, 3), Y-Cb-Cr."""
    syntax = made.file_meta.TransferSyntaxUID
    if syntax.startswith(VIDEO):
        stream = b"".join(generate_frames(made.PixelData, number_of_frames=1))
        with av.open(io.BytesIO(stream)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return np.stack([np.asarray(Image.fromarray(each).convert("YCbCr")) for each in pictures])
    if syntax.is_encapsulated:
        frames = []
        for stream in generate_frames(made.PixelData, number_of_frames=int(made.NumberOfFrames)):
            image = Image.open(io.BytesIO(stream))
            image.draft("YCbCr", None)
            frames.append(np.asarray(image))
        return np.stack(frames)
    pixels = made.pixel_array
    if pixels.ndim == 3:
        neutral = np.full_like(pixels, 128)
        return np.stack([pixels, neutral, neutral], axis=-1)
    return np.stack([np.asarray(Image.fromarray(each).convert("YCbCr")) for each in pixels])


def _sector(frames: Pixels) -> Pixels:
    """Mask of a loop, uint8 (rows, columns)."""
    greys = np.empty(frames.shape[:3], np.uint8)
    for frame, out in zip(frames, greys, strict=True):
        out[:] = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_YUV2RGB), cv2.COLOR_RGB2GRAY)
    lit = (greys > 0).any(axis=0).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    solid = cv2.erode(lit, kernel, iterations=10)
    changed = (greys[0] != greys[-1]).astype(np.uint8)
    changed[:20, :20] = 0
    mask = cv2.dilate(cv2.bitwise_and(solid, changed), kernel, iterations=10)
    cv2.floodFill(mask, None, (0, 0), 100)
    mask = np.where(mask == 100, 0, 255).astype(np.uint8)
    contours, _ = cv2.findContours(mask.copy(), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(mask, [cv2.convexHull(contour) for contour in contours], -1, 255, 3)
    cv2.floodFill(mask, None, (0, 0), 100)
    return np.where(mask == 100, 0, 255).astype(np.uint8)


def _scaled(picture: Pixels) -> Pixels:
    """Centre square, less a tenth at every edge, 224 x 224."""
    rows, columns = picture.shape[:2]
    surplus = round(abs(rows - columns) / 2)
    if rows > columns and surplus:
        picture = picture[surplus:-surplus]
    elif surplus:
        picture = picture[:, surplus:-surplus]
    cut_rows, cut_columns = int(picture.shape[0] * 0.1), int(picture.shape[1] * 0.1)
    picture = picture[cut_rows : picture.shape[0] - cut_rows, cut_columns : picture.shape[1] - cut_columns]
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
