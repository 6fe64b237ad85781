"""MViT's pooling attention for one clip on cores: torchvision's arithmetic in another order.

Exact but for rounding. What differs from torchvision's `MultiscaleAttention`:

- queries, keys and values are three matrix products instead of one, so that the pooling sees dense rows;
- where keys and values are pooled with large strides, only the tokens that windows touch are projected;
- the relative position bias rides in the head dimension (see `positions`), so the attention itself is one
  fused kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.video.mvit import MultiscaleAttention

from echoprime.networks.linear import Linear
from echoprime.networks.pooling import Grid, Pooling, touched_tokens
from echoprime.networks.positions import RelativePositions


class Attention:
    """Pooling attention of one block.

    Parameters
    ----------
    attention
        torchvision's, with relative positions and residual pooling, as in `mvit_v2_s`.
    grid
        Of the tokens that come in.
    packed
        See `Linear`.
    """

    def __init__(self, attention: MultiscaleAttention, grid: Grid, *, packed: bool | None = None) -> None:
        weights, biases = attention.qkv.weight.chunk(3), attention.qkv.bias.chunk(3)
        self._to_query, self._to_key, self._to_value = (
            Linear(weight, bias, packed=packed) for weight, bias in zip(weights, biases, strict=True)
        )
        heads = attention.num_heads
        self._touched = touched_tokens(grid, attention.pool_k.pool.stride)
        touched_only = self._touched is not None
        self._pool_query = Pooling(attention.pool_q, heads, grid)
        # the softmax's scale is on the keys alone, since the position bias takes the queries unscaled
        self._pool_key = Pooling(
            attention.pool_k, heads, grid, scale=attention.scaler, touched_only=touched_only
        )
        self._pool_value = Pooling(attention.pool_v, heads, grid, touched_only=touched_only)
        self._positions = RelativePositions(attention, self._pool_query.grid, self._pool_key.grid)
        self._project = Linear.of(attention.project[0], packed=packed)
        self.grid = self._pool_query.grid

    def __call__(self, tokens: Tensor, *, class_only: bool = False) -> Tensor:
        """Attend.

        Parameters
        ----------
        tokens
            float32 (1 + T*H*W, channels), normalised.
        class_only
            Compute the class token's row alone.

        Returns
        -------
        Tensor
            float32 (1 + T'*H'*W', outputs) of the pooled grid; with `class_only` (1, outputs).
        """
        keys, values = self._keys_and_values(tokens)
        if class_only:
            query = self._pool_query.class_token(self._to_query(tokens[:1]))
            attended = _attend(self._positions.lengthened_class_query(query), keys, values)
        else:
            queries = self._pool_query(self._to_query(tokens))
            attended = _attend(self._positions.lengthened_queries(queries), keys, values)
            attended[1:] += queries.grid
        return self._project(attended.flatten(1))

    def _keys_and_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        if self._touched is not None:
            tokens = tokens[self._touched]
        keys = self._positions.lengthened_keys(self._pool_key(self._to_key(tokens)))
        return keys, torch.cat(self._pool_value(self._to_value(tokens)))


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax attention: (Q, heads, width), (K, heads, width), (K, heads, dim) to (Q, heads, dim)."""
    dim = values.shape[-1]
    # the fused kernel takes only values that are as wide as the keys
    values = functional.pad(values, (0, keys.shape[-1] - dim))
    query, key, value = (each.transpose(0, 1)[None] for each in (queries, keys, values))
    attended = functional.scaled_dot_product_attention(query, key, value, scale=1.0)
    return attended[0].transpose(0, 1)[..., :dim].contiguous()
