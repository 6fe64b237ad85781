"""Clips as normalised tensors, and the uint8 frames that such a tensor was made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echoprime.errors import EchoPrimeError
from echoprime.reading import FRAMES, MEAN, SIDE, STD, Clip, normalise

CLIP_SHAPE = (3, FRAMES, SIDE, SIDE)
"""Channels, frames, rows, columns of a clip's tensor."""

Clips = Tensor | Sequence[Clip]
"""Clips as `EchoPrime.process_dicoms` or `read_clip` give them."""


def stored_frames(clips: Clips) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
    """uint8 frames and how many are real; None for a tensor that was not made of such frames.

    A clip's tensor is its uint8 frames, normalised, so they are found again exactly; networks then do the
    same arithmetic in the same memory order as in a job, and the same bits come out.

    Parameters
    ----------
    clips
        float32 (N, 3, 16, 224, 224), normalised, or a sequence of `Clip`.

    Returns
    -------
    tuple of numpy.ndarray
        uint8 (N, 16, 224, 224, 3) and int64 (N,), 1 to 16.

    Raises
    ------
    EchoPrimeError
        When the tensor has another shape.
    """
    if not isinstance(clips, Tensor):
        frames = [clip.frames for clip in clips]
        stacked = np.stack(frames) if frames else np.zeros((0, FRAMES, SIDE, SIDE, 3), np.uint8)
        return stacked, np.array([clip.used for clip in clips], np.int64)
    if clips.ndim != 5 or tuple(clips.shape[1:]) != CLIP_SHAPE:
        raise EchoPrimeError(f"clips: shape {tuple(clips.shape)}, must be (N, 3, 16, 224, 224)")
    values = clips.detach().to("cpu", torch.float32).numpy()
    frames_found = np.zeros((len(values), FRAMES, SIDE, SIDE, 3), np.uint8)
    used = np.zeros(len(values), np.int64)
    for number, value in enumerate(values):
        # No grey level normalises to 0: a frame of zeros is padding.
        used[number] = int(value.any(axis=(0, 2, 3)).sum())
        levels = np.rint(value * np.array(STD)[:, None, None, None] + np.array(MEAN)[:, None, None, None])
        frames_found[number, : used[number]] = np.clip(levels, 0, 255).transpose(1, 2, 3, 0)[: used[number]]
        if not used[number] or not np.array_equal(normalise(frames_found[number], int(used[number])), value):
            return None
    return frames_found, used
