"""MViT for one clip at a time on cores: torchvision's arithmetic in another order, about twice as fast.

Built from torchvision's module, block by block, so that each block can be held against torchvision's own.
Tokens are rows (1 + T*H*W, channels) throughout, the class token first. See `attention` for what is
different there; beside it the last block computes its class token alone, since nothing else is read, and the
perceptrons take a few thousand rows at a time, so that their wide middle needs little memory.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.video.mvit import MultiscaleBlock, MViT

from echoprime.networks.attention import Attention
from echoprime.networks.linear import Linear
from echoprime.networks.pooling import Grid

ROWS_AT_ONCE = 4096
"""Rows of a perceptron; more are not faster."""


class ClipEncoder:
    """The whole network for one clip.

    Parameters
    ----------
    module
        torchvision's, of the kind of `mvit_v2_s`: relative positions, projection after the attention.
    packed
        See `Linear`.
    """

    def __init__(self, module: MViT, *, packed: bool | None = None) -> None:
        self._patches = module.conv_proj
        self._kernel = self._patches.weight.contiguous(memory_format=torch.channels_last_3d)
        self._class_token = module.pos_encoding.class_token[None]
        grid: Grid = (module.pos_encoding.temporal_size, *module.pos_encoding.spatial_size)
        self.blocks: list[Block] = []
        for block in module.blocks:
            self.blocks.append(Block(block, grid, packed=packed))
            grid = self.blocks[-1].grid
        self._norm = module.norm
        self._head = module.head[-1]

    def __call__(self, clips: Tensor) -> Tensor:
        """Embed clips one by one: float32 (N, 3, 16, 224, 224) to (N, outputs)."""
        return torch.cat([self._embed(clip[None]) for clip in clips])

    def _embed(self, clip: Tensor) -> Tensor:
        tokens = self.tokens(clip)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        tokens = self.blocks[-1](tokens, class_only=True)
        embedding: Tensor = self._head(self._norm(tokens))
        return embedding

    def tokens(self, clip: Tensor) -> Tensor:
        """Cut one clip into tokens: float32 (1, 3, 16, 224, 224) to (1 + T*H*W, channels)."""
        patches = functional.conv3d(
            clip, self._kernel, self._patches.bias, self._patches.stride, self._patches.padding
        )
        rows = patches.permute(0, 2, 3, 4, 1).reshape(-1, patches.shape[1])
        return torch.cat([self._class_token, rows])


class Block:
    """One block: attention and perceptron, each with its norm before it and added to what came in.

    Parameters
    ----------
    block
        torchvision's.
    grid
        Of the tokens that come in.
    packed
        See `Linear`.
    """

    def __init__(self, block: MultiscaleBlock, grid: Grid, *, packed: bool | None = None) -> None:
        self._in_grid = grid
        self._norm_attention, self._norm_perceptron = block.norm1, block.norm2
        self._attention = Attention(block.attn, grid, packed=packed)
        self._widen = None if block.project is None else Linear.of(block.project, packed=packed)
        self._pool = None if block.pool_skip is None else block.pool_skip.pool
        self._rise = Linear.of(block.mlp[0], "gelu", packed=packed)
        self._fall = Linear.of(block.mlp[3], packed=packed)
        self.grid = self._attention.grid

    def __call__(self, tokens: Tensor, *, class_only: bool = False) -> Tensor:
        """Compute the block.

        Parameters
        ----------
        tokens
            float32 (1 + T*H*W, channels).
        class_only
            Compute the class token's row alone.

        Returns
        -------
        Tensor
            float32 (1 + T'*H'*W', outputs); with `class_only` (1, outputs).
        """
        normed = self._norm_attention(tokens)
        attended = self._attention(normed, class_only=class_only)
        if class_only:
            tokens, normed = tokens[:1], normed[:1]
        skipped = tokens if self._widen is None else self._widen(normed)
        if self._pool is not None and not class_only:
            skipped = self._pooled(skipped, self._pool)
        return self._perceptron(attended.add_(skipped))

    def _pooled(self, tokens: Tensor, pool: nn.MaxPool3d) -> Tensor:
        """Take the largest of neighbouring tokens."""
        channels = tokens.shape[1]
        volume = tokens[1:].view(1, *self._in_grid, channels).permute(0, 4, 1, 2, 3)
        volume = pool(volume)
        return torch.cat([tokens[:1], volume.permute(0, 2, 3, 4, 1).reshape(-1, channels)])

    def _perceptron(self, tokens: Tensor) -> Tensor:
        for start in range(0, len(tokens), ROWS_AT_ONCE):
            rows = tokens[start : start + ROWS_AT_ONCE]
            rows += self._fall(self._rise(self._norm_perceptron(rows)))
        return tokens
