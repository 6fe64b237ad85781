"""Bytes of one video to the clip that the networks see."""

from echoprime.reading.client import ClipReader
from echoprime.reading.clip import (
    FRAMES,
    FRAMES_TAKEN,
    MEAN,
    PREPROCESSING,
    SIDE,
    STD,
    STRIDE,
    ZOOM,
    Clip,
    crop_box,
    normalise,
    used_frames,
)
from echoprime.reading.limits import Limits
from echoprime.reading.reader import read_clip

__all__ = [
    "FRAMES",
    "FRAMES_TAKEN",
    "MEAN",
    "PREPROCESSING",
    "SIDE",
    "STD",
    "STRIDE",
    "ZOOM",
    "Clip",
    "ClipReader",
    "Limits",
    "crop_box",
    "normalise",
    "read_clip",
    "used_frames",
]
