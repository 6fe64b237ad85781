"""Clips are those of the published system: at most one level apart, in at most one value of ten thousand.

ECHOPRIME_GOLDEN names a folder of golden data, with `videos/` in it; else the choice in `tests/data/videos`.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from echoprime.reading import normalise, read_clip

CHOICE = Path(__file__).parents[1] / "data" / "videos"
GOLDEN = os.environ.get("ECHOPRIME_GOLDEN")
FOLDER = Path(GOLDEN) / "videos" if GOLDEN else CHOICE
FACTS = json.loads((FOLDER / "clips.json").read_text())


def clip_of(name: str) -> np.ndarray:
    with np.load(FOLDER / "clips.npz") as clips:
        return clips[name.partition(".")[0]]


def bytes_of(name: str) -> bytes:
    own = FOLDER / name
    return (own if own.exists() else Path(get_testdata_file(name))).read_bytes()


@pytest.mark.parametrize("name", sorted(FACTS))
def test_clip_is_that_of_the_published_system(name):
    clip = read_clip(bytes_of(name))
    apart = np.abs(clip.frames.astype(int) - clip_of(name))
    assert clip.used == FACTS[name]["frames_used"]
    assert clip.format == name.rpartition(".")[2].replace("dcm", "dicom")
    assert apart.max() <= 1
    assert np.mean(apart > 0) <= 1e-4


@pytest.mark.parametrize("name", sorted(FACTS))
def test_golden_clip_is_whole(name):
    assert hashlib.sha256(clip_of(name).tobytes()).hexdigest() == FACTS[name]["sha256_uint8_thwc"]


@pytest.mark.parametrize("name", sorted(name for name in FACTS if "sha256_float32_cthw" in FACTS[name]))
def test_normalised_golden_clip_is_bit_identical(name):
    values = normalise(clip_of(name), FACTS[name]["frames_used"])
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert hashlib.sha256(values.tobytes()).hexdigest() == FACTS[name]["sha256_float32_cthw"]
