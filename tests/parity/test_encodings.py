"""Embeddings and view logits of the golden clips, with seeded weights, at full size."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from echoprime.networks import VideoEncoder, ViewClassifier, seeded_state, state_sha256
from echoprime.reading import read_clip

SMALL_COPY = Path(__file__).parents[1] / "data" / "networks"
GOLDEN = os.environ.get("ECHOPRIME_GOLDEN")
"""The whole golden folder, where it is at hand; otherwise two of its clips come with the repository."""
FOLDER = Path(GOLDEN) / "videos" if GOLDEN else SMALL_COPY
VIDEOS = FOLDER if GOLDEN else SMALL_COPY.parent / "videos"
"""Where the files lie that the clips were made of; pydicom's real loop lies in its wheel."""
TOLERANCE = 1e-4
FROM_OWN_CLIPS = 2e-2
"""One grey level in a few values, which another OpenCV rounds otherwise, moves an embedding by less."""


def clips_with_encodings() -> list[str]:
    with np.load(FOLDER / "clips.npz") as clips, np.load(FOLDER / "encodings.npz") as encodings:
        return [str(name) for name in encodings["names"] if name in clips.files]


@pytest.fixture(scope="module")
def encoder_state():
    return seeded_state("mvit_v2_s", 0)


@pytest.fixture(scope="module")
def classifier_state():
    return seeded_state("convnext_base", 1)


@pytest.fixture(scope="module")
def encoder(encoder_state):
    return VideoEncoder("mvit_v2_s", encoder_state)


@pytest.fixture(scope="module")
def classifier(classifier_state):
    return ViewClassifier("convnext_base", classifier_state)


@pytest.fixture(scope="module")
def golden():
    used = {
        Path(name).stem: each["frames_used"]
        for name, each in json.loads((FOLDER / "clips.json").read_text()).items()
    }
    with np.load(FOLDER / "encodings.npz") as encodings, np.load(FOLDER / "clips.npz") as clips:
        rows = {str(name): row for row, name in enumerate(encodings["names"])}
        return {
            name: (clips[name], used[name], encodings["embeddings"][row], encodings["view_logits"][row])
            for name, row in rows.items()
            if name in clips.files
        }


def test_seeds_draw_the_golden_weights(encoder_state, classifier_state):
    golden = json.loads((FOLDER / "weights.json").read_text())
    assert state_sha256(encoder_state) == golden["encoder_sha256"]
    assert state_sha256(classifier_state) == golden["view_classifier_sha256"]


def test_the_folder_holds_clips():
    assert len(clips_with_encodings()) >= 2


@pytest.mark.parametrize("name", clips_with_encodings())
def test_embedding_of_a_golden_clip(name, golden, encoder):
    frames, used, embedding, _ = golden[name]
    np.testing.assert_allclose(encoder.embed(frames[None], [used])[0], embedding, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", clips_with_encodings())
def test_logits_of_a_golden_clip(name, golden, classifier):
    frames, _, _, logits = golden[name]
    np.testing.assert_allclose(classifier.logits(frames[None, 0])[0], logits, rtol=0, atol=TOLERANCE)


def files_with_encodings() -> list[str]:
    with np.load(FOLDER / "encodings.npz") as encodings:
        known = {str(name) for name in encodings["names"]}
    return sorted(
        name for name in json.loads((VIDEOS / "clips.json").read_text()) if Path(name).stem in known
    )


@pytest.mark.parametrize("name", files_with_encodings())
def test_own_clip_has_the_golden_embedding_and_view(name, encoder, classifier):
    own = VIDEOS / name
    clip = read_clip((own if own.exists() else Path(get_testdata_file(name))).read_bytes())
    with np.load(FOLDER / "encodings.npz") as encodings:
        row = [str(each) for each in encodings["names"]].index(Path(name).stem)
        embedding, logits = encodings["embeddings"][row], encodings["view_logits"][row]
    found = encoder.embed(clip.frames[None], [clip.used])[0]
    np.testing.assert_allclose(found, embedding, rtol=0, atol=FROM_OWN_CLIPS)
    assert classifier.logits(clip.frames[None, 0])[0].argmax() == logits.argmax()
