"""Bytes of one video to its facts and the clip that the networks see."""

from echoprime.reading.client import ClipReader
from echoprime.reading.clip import (
    FRAMES,
    FRAMES_TAKEN,
    MEAN,
    MODES,
    PREPROCESSING,
    SIDE,
    STD,
    STRIDE,
    ZOOM,
    Clip,
    Mode,
    crop_box,
    normalise,
    used_frames,
)
from echoprime.reading.facts import VideoFacts
from echoprime.reading.kinds import study_kind
from echoprime.reading.limits import Limits
from echoprime.reading.reader import read_clip, read_clips, read_file
from echoprime.reading.reading import Reading

__all__ = [
    "FRAMES",
    "FRAMES_TAKEN",
    "MEAN",
    "MODES",
    "PREPROCESSING",
    "SIDE",
    "STD",
    "STRIDE",
    "ZOOM",
    "Clip",
    "ClipReader",
    "Limits",
    "Mode",
    "Reading",
    "VideoFacts",
    "crop_box",
    "normalise",
    "read_clip",
    "read_clips",
    "read_file",
    "study_kind",
    "used_frames",
]
