from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.networks import normalise_clips, normalise_frames
from echoprime.reading.clip import MEAN, STD, normalise

DATA = Path(__file__).parents[2] / "data" / "networks"


def by_numpy(frames):
    return (frames.astype(np.float32) - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)


def test_golden_tensors_to_the_bit():
    described = json.loads((DATA / "clips.json").read_text())
    with np.load(DATA / "clips.npz") as clips:
        for name, each in described.items():
            frames = torch.from_numpy(clips[Path(name).stem][None])
            tensor = normalise_clips(frames, torch.tensor([each["frames_used"]]))[0]
            assert tensor.shape == (3, 16, 224, 224)
            digest = hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
            assert digest == each["sha256_float32_cthw"]


def test_every_level_of_every_channel_is_numpys_to_the_bit():
    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None, None], 3, axis=3)  # (1, 256, 1, 3)
    tensor = normalise_frames(torch.from_numpy(levels))
    assert np.array_equal(tensor.permute(0, 2, 3, 1).numpy(), by_numpy(levels))


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_frames_past_used_are_zero_after_normalisation(used):
    frames = np.random.default_rng(0).integers(0, 256, (len(used), 5, 2, 3, 3), dtype=np.uint8)
    tensor = normalise_clips(torch.from_numpy(frames), torch.tensor(used)).permute(0, 2, 3, 4, 1).numpy()
    for clip, normalised, real in zip(frames, tensor, used, strict=True):
        assert np.array_equal(normalised[:real], by_numpy(clip[:real]))
        assert not normalised[real:].any()


def test_the_readers_own_normalisation_is_the_same():
    frames = np.random.default_rng(1).integers(0, 256, (16, 224, 224, 3), dtype=np.uint8)
    tensor = normalise_clips(torch.from_numpy(frames[None]), torch.tensor([11]))[0]
    assert np.array_equal(tensor.numpy(), normalise(frames, 11))


def test_the_input_is_left_as_it_was():
    frames = torch.full((1, 2, 2, 2, 3), 7, dtype=torch.uint8)
    normalise_clips(frames, torch.tensor([1]))
    assert (frames == 7).all()
