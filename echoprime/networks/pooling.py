"""MViT's pooling of tokens: a depthwise convolution over the grid, then a layer norm of each head.

Tokens are (N, 1 + T*H*W, channels): the class token first, then the grid in the order time, row, column.
Channels lie innermost already, so the convolution reads the grid of one clip in place.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.video.mvit import Pool

from echoprime.networks.arithmetic import FLOAT32, Arithmetic
from echoprime.networks.norms import Norm

Grid = tuple[int, int, int]
"""Times, rows, columns of the tokens, without the class token."""

WINDOW = 3
"""The convolution's windows are 3 x 3 x 3, with one token of padding on every side."""


class Pooled(NamedTuple):
    """Tokens by head: the class token (N, 1, heads, dim) and the grid's (N, T*H*W, heads, dim)."""

    class_token: Tensor
    grid: Tensor


class Pooling:
    """Pools queries, keys or values.

    Parameters
    ----------
    pool
        torchvision's: `Conv3d` without bias, then `LayerNorm`.
    heads
        They share its weights.
    grid
        Of the tokens that the block gets.
    scale
        Multiplies the result; folded into the norm.
    touched_only
        The tokens that come in are only those of `touched_tokens`.
    arithmetic
        Its type is that of the tokens that come and go.
    """

    def __init__(
        self,
        pool: Pool,
        heads: int,
        grid: Grid,
        *,
        scale: float = 1.0,
        touched_only: bool = False,
        arithmetic: Arithmetic = FLOAT32,
    ) -> None:
        convolution, norm = pool.pool, pool.norm_act[0]
        self._heads = heads
        self._in_grid, self._stride = grid, convolution.stride
        self.grid = pooled_grid(grid, convolution.stride)
        if touched_only:
            # windows that lay apart now lie side by side
            times, rows, columns = self.grid
            self._in_grid, self._stride = (
                (times, WINDOW * rows - 1, WINDOW * columns - 1),
                (1, WINDOW, WINDOW),
            )
        # to the convolution heads are more channels: repeating its weight is cheaper than moving them
        kernel = convolution.weight.repeat(heads, 1, 1, 1, 1).to(arithmetic.dtype)
        self._kernel = kernel.contiguous(memory_format=torch.channels_last_3d)
        self._norm = Norm(norm, arithmetic.dtype, arithmetic.dtype, scale=scale)

    def __call__(self, tokens: Tensor) -> Pooled:
        """Pool (N, 1 + T*H*W, heads * dim)."""
        channels = tokens.shape[2]
        volume = as_volume(tokens, self._in_grid)
        volume = functional.conv3d(volume, self._kernel, None, self._stride, WINDOW // 2, 1, channels)
        return Pooled(self.class_token(tokens[:, :1]), self._norm(self._by_head(as_rows(volume))))

    def class_token(self, token: Tensor) -> Tensor:
        """Pool the class token, which is not convolved: (N, 1, heads * dim) to (N, 1, heads, dim)."""
        return self._norm(self._by_head(token))

    def _by_head(self, rows: Tensor) -> Tensor:
        return rows.reshape(*rows.shape[:2], self._heads, -1)


def as_volume(tokens: Tensor, grid: Grid) -> Tensor:
    """View the grid of (N, 1 + T*H*W, channels) as a convolution wants it: (N, channels, T, H, W)."""
    return tokens[:, 1:].view(len(tokens), *grid, -1).permute(0, 4, 1, 2, 3)


def as_rows(volume: Tensor) -> Tensor:
    """Turn a volume (N, channels, T, H, W), channels innermost in memory, back: (N, T*H*W, channels)."""
    return volume.permute(0, 2, 3, 4, 1).flatten(1, 3)


def pooled_grid(grid: Grid, stride: Grid) -> Grid:
    """The grid after a convolution with windows of 3 and padding of 1.

    Examples
    --------
    >>> pooled_grid((8, 56, 56), (1, 8, 8)), pooled_grid((8, 7, 7), (1, 2, 2))
    ((8, 7, 7), (8, 4, 4))
    """
    times, rows, columns = (-(-length // step) for length, step in zip(grid, stride, strict=True))
    return times, rows, columns


def touched_tokens(grid: Grid, stride: Grid) -> Tensor | None:
    """Which tokens the windows of a strided pooling touch, where they are few enough to project them alone.

    Parameters
    ----------
    grid
        Of the tokens.
    stride
        Of the pooling.

    Returns
    -------
    Tensor | None
        int64 (n,): rows of the tokens, the class token first, the others in the order of the grid that they
        form. None where windows overlap, leave no gaps, or do not divide the grid.

    Examples
    --------
    >>> touched_tokens((1, 8, 4), (1, 4, 4)) - 1  # columns 0 and 1 of rows 0, 1, 3, 4 and 5
    tensor([-1,  0,  1,  4,  5, 12, 13, 16, 17, 20, 21])
    >>> touched_tokens((1, 8, 8), (1, 2, 2)) is None
    True
    """
    times, rows, columns = grid
    if stride[0] != 1 or min(stride[1:]) <= WINDOW or rows % stride[1] or columns % stride[2]:
        return None
    index = 1 + torch.arange(times * rows * columns).view(grid)
    index = index[:, _touched(rows, stride[1])][:, :, _touched(columns, stride[2])]
    return torch.cat([torch.zeros(1, dtype=torch.int64), index.flatten()])


def _touched(length: int, stride: int) -> list[int]:
    centres = range(0, length, stride)
    # the first window's first place is padding
    return [centre + offset for centre in centres for offset in (-1, 0, 1)][1:]
