from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echoprime.networks import VideoEncoder, ViewClassifier, seeded_state

DATA = Path(__file__).parents[2] / "data" / "networks"


@pytest.fixture(scope="session")
def encoder_state():
    return seeded_state("mvit_two_blocks", 0)


@pytest.fixture(scope="session")
def classifier_state():
    return seeded_state("convnext_two_blocks", 1)


@pytest.fixture(scope="session")
def encoder(encoder_state):
    return VideoEncoder("mvit_two_blocks", encoder_state)


@pytest.fixture(scope="session")
def classifier(classifier_state):
    return ViewClassifier("convnext_two_blocks", classifier_state)


@pytest.fixture(scope="session")
def clips():
    """Five clips uint8 (5, 16, 224, 224, 3) cut from two real ones, and how many of their frames are real."""
    with np.load(DATA / "clips.npz") as stored:
        two = [stored[name] for name in stored.files]
    frames = np.stack([two[0], two[1], two[0][::-1], two[0][:, ::-1], two[1][:, :, ::-1]])
    return np.ascontiguousarray(frames), np.array([15, 9, 16, 3, 1])
