"""MViT: torchvision's arithmetic in another order, on cores about twice as fast.

Built from torchvision's module, block by block, so that each block can be held against torchvision's own.
Tokens are (N, 1 + T*H*W, channels) throughout, the class token first; their running sum is float32 whatever
the products are computed in. See `attention` for what is different there; beside it the last block computes
its class token alone, since nothing else is read, and on cores the perceptrons take a few thousand rows at a
time, so that their wide middle needs little memory.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.video.mvit import MultiscaleBlock, MViT

from echoprime.networks.arithmetic import FLOAT32, Arithmetic
from echoprime.networks.attention import Attention
from echoprime.networks.linear import Linear
from echoprime.networks.norms import Norm
from echoprime.networks.pooling import Grid, as_rows, as_volume

ROWS_AT_ONCE = 2048
"""Rows of a perceptron on cores; more are not faster there. A GPU takes all."""


class ClipEncoder:
    """The whole network.

    Parameters
    ----------
    module
        torchvision's, of the kind of `mvit_v2_s`: relative positions, projection after the attention; on the
        device that clips will come from.
    arithmetic
        How products are computed.
    """

    def __init__(self, module: MViT, *, arithmetic: Arithmetic = FLOAT32) -> None:
        self._dtype = arithmetic.dtype
        patches = module.conv_proj
        self._stride, self._padding = patches.stride, patches.padding
        self._kernel = patches.weight.to(self._dtype).contiguous(memory_format=torch.channels_last_3d)
        self._bias = patches.bias.to(self._dtype)
        self._class_token = module.pos_encoding.class_token[None, None]
        grid: Grid = (module.pos_encoding.temporal_size, *module.pos_encoding.spatial_size)
        self.blocks: list[Block] = []
        for block in module.blocks:
            self.blocks.append(Block(block, grid, arithmetic=arithmetic))
            grid = self.blocks[-1].grid
        self._norm = module.norm
        self._head = module.head[-1]

    def __call__(self, clips: Tensor) -> Tensor:
        """Float32 (N, 3, 16, 224, 224), channels innermost in memory, to float32 embeddings (N, outputs)."""
        tokens = self.tokens(clips)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        tokens = self.blocks[-1](tokens, class_only=True)
        embeddings: Tensor = self._head(self._norm(tokens[:, 0]))
        return embeddings

    def tokens(self, clips: Tensor) -> Tensor:
        """Cut clips into tokens: float32 (N, 3, 16, 224, 224) to float32 (N, 1 + T*H*W, channels)."""
        patches = functional.conv3d(
            clips.to(self._dtype), self._kernel, self._bias, self._stride, self._padding
        )
        rows = as_rows(patches).to(torch.float32)
        return torch.cat([self._class_token.expand(len(rows), -1, -1), rows], dim=1)


class Block:
    """One block: attention and perceptron, each with its norm before it and added to what came in.

    Parameters
    ----------
    block
        torchvision's.
    grid
        Of the tokens that come in.
    arithmetic
        How products are computed.
    """

    def __init__(self, block: MultiscaleBlock, grid: Grid, *, arithmetic: Arithmetic = FLOAT32) -> None:
        self._in_grid = grid
        self._norm_attention, self._norm_perceptron = (
            Norm(norm, torch.float32, arithmetic.dtype) for norm in (block.norm1, block.norm2)
        )
        self._attention = Attention(block.attn, grid, arithmetic=arithmetic)
        self._widen = None if block.project is None else Linear.of(block.project, arithmetic=arithmetic)
        self._pool = None if block.pool_skip is None else block.pool_skip.pool
        self._rise = Linear.of(block.mlp[0], "gelu", arithmetic=arithmetic)
        self._fall = Linear.of(block.mlp[3], arithmetic=arithmetic)
        self.grid = self._attention.grid

    def __call__(self, tokens: Tensor, *, class_only: bool = False) -> Tensor:
        """Compute the block.

        Parameters
        ----------
        tokens
            float32 (N, 1 + T*H*W, channels).
        class_only
            Compute the class token's row alone.

        Returns
        -------
        Tensor
            float32 (N, 1 + T'*H'*W', outputs); with `class_only` (N, 1, outputs).
        """
        normed = self._norm_attention(tokens)
        attended = self._attention(normed, class_only=class_only)
        if class_only:
            tokens, normed = tokens[:, :1], normed[:, :1]
        skipped = tokens if self._widen is None else self._widen(normed)
        if self._pool is not None and not class_only:
            skipped = self._pooled(skipped, self._pool)
        return self._perceptron(attended.to(torch.float32).add_(skipped))

    def _pooled(self, tokens: Tensor, pool: nn.MaxPool3d) -> Tensor:
        """Take the largest of neighbouring tokens."""
        return torch.cat([tokens[:, :1], as_rows(pool(as_volume(tokens, self._in_grid)))], dim=1)

    def _perceptron(self, tokens: Tensor) -> Tensor:
        rows = tokens.flatten(0, 1)
        at_once = ROWS_AT_ONCE if tokens.device.type == "cpu" else len(rows)
        for some in torch.split(rows, at_once):
            some += self._fall(self._rise(self._norm_perceptron(some)))
        return tokens
