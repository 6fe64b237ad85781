"""uint8 frames to what the networks take, on the device that they run on.

`(x - mean) / std` in float32, one subtraction and one division by a tensor: IEEE arithmetic, so the values
are those of numpy to the bit on every device. Frames past `used` are zero *after* it. Channels stay innermost
in memory (the result is a view), which is the order that the convolutions want.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from echoprime.normalisation import MEAN, STD


def normalise_clips(frames: Tensor, used: Tensor) -> Tensor:
    """Normalise clips.

    Parameters
    ----------
    frames
        uint8 (N, 16, 224, 224, 3), in the channel order that the networks see; more or fewer frames, rows and
        columns are as good.
    used
        int64 (N,), 1 to 16: how many frames of each clip are real. Same device as `frames`.

    Returns
    -------
    Tensor
        float32 (N, 3, 16, 224, 224), channels innermost in memory; frames past `used` are 0.

    Examples
    --------
    >>> clips = normalise_clips(torch.zeros(1, 2, 1, 1, 3, dtype=torch.uint8), torch.tensor([1]))
    >>> clips.shape
    torch.Size([1, 3, 2, 1, 1])
    >>> clips[0, :, :, 0, 0]
    tensor([[-0.6066,  0.0000],
            [-0.6044,  0.0000],
            [-0.6164,  0.0000]])
    """
    values = _standardise(frames)
    padding = torch.arange(frames.shape[1], device=frames.device) >= used[:, None]
    return values.masked_fill_(padding[:, :, None, None, None], 0.0).permute(0, 4, 1, 2, 3)


def normalise_frames(frames: Tensor) -> Tensor:
    """Normalise single frames.

    Parameters
    ----------
    frames
        uint8 (N, 224, 224, 3), in the channel order that the networks see; other sizes are as good.

    Returns
    -------
    Tensor
        float32 (N, 3, 224, 224), channels innermost in memory.

    Examples
    --------
    >>> normalise_frames(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).flatten()
    tensor([4.7071, 4.8846, 4.7860])
    """
    return _standardise(frames).permute(0, 3, 1, 2)


def _standardise(frames: Tensor) -> Tensor:
    mean, std = _constants(frames.device)
    return frames.to(torch.float32).sub_(mean).div_(std)


@cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """Kept on the device, because a GPU's captured graph (see `graphs`) may not fetch them from the host."""
    with torch.inference_mode(False):
        mean, std = (torch.tensor(each, dtype=torch.float32, device=device) for each in (MEAN, STD))
    return mean, std
