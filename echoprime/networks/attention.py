"""MViT's pooling attention: torchvision's arithmetic in another order.

Exact but for rounding. What differs from torchvision's `MultiscaleAttention`:

- queries, keys and values are three matrix products instead of one, so that the pooling sees dense rows;
- where keys and values are pooled with large strides, only the tokens that windows touch are projected;
- the relative position bias rides in the head dimension (see `positions`), so the attention itself is one
  fused kernel, or two plain products where those are faster.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.video.mvit import MultiscaleAttention

from echoprime.networks.arithmetic import FLOAT32, Arithmetic
from echoprime.networks.linear import Linear
from echoprime.networks.pooling import Grid, Pooling, touched_tokens
from echoprime.networks.positions import RelativePositions

SCORES_AT_ONCE = 1 << 19
"""Of queries times keys, where there is a table: in bfloat16 1 MiB, which a core's own cache holds."""


class Attention:
    """Pooling attention of one block.

    Parameters
    ----------
    attention
        torchvision's, with relative positions and residual pooling, as in `mvit_v2_s`; on the device that
        tokens will come from.
    grid
        Of the tokens that come in.
    arithmetic
        Its type is that of the tokens that come and go.
    """

    def __init__(
        self, attention: MultiscaleAttention, grid: Grid, *, arithmetic: Arithmetic = FLOAT32
    ) -> None:
        weights, biases = attention.qkv.weight.chunk(3), attention.qkv.bias.chunk(3)
        self._to_query, self._to_key, self._to_value = (
            Linear(weight, bias, arithmetic=arithmetic) for weight, bias in zip(weights, biases, strict=True)
        )
        heads = attention.num_heads
        touched = touched_tokens(grid, attention.pool_k.pool.stride)
        touched_only = touched is not None
        self._touched = None if touched is None else touched.to(attention.qkv.weight.device)
        self._pool_query = Pooling(attention.pool_q, heads, grid, arithmetic=arithmetic)
        # the softmax's scale is on the keys alone, since the position bias takes the queries unscaled
        self._pool_key = Pooling(
            attention.pool_k,
            heads,
            grid,
            scale=attention.scaler,
            touched_only=touched_only,
            arithmetic=arithmetic,
        )
        self._pool_value = Pooling(
            attention.pool_v, heads, grid, touched_only=touched_only, arithmetic=arithmetic
        )
        self._positions = RelativePositions(
            attention, self._pool_query.grid, self._pool_key.grid, arithmetic=arithmetic
        )
        fused = arithmetic.fuses(attention.qkv.weight.device)
        self._attend = attend_fused if fused else attend_in_products
        self._project = Linear.of(attention.project[0], arithmetic=arithmetic)
        self.grid = self._pool_query.grid

    def __call__(self, tokens: Tensor, *, class_only: bool = False) -> Tensor:
        """Attend.

        Parameters
        ----------
        tokens
            (N, 1 + T*H*W, channels), normalised.
        class_only
            Compute the class token's row alone.

        Returns
        -------
        Tensor
            (N, 1 + T'*H'*W', outputs) of the pooled grid; with `class_only` (N, 1, outputs).
        """
        keys, values = self._keys_and_values(tokens)
        if class_only:
            query = self._pool_query.class_token(self._to_query(tokens[:, :1]))
            attended = self._attend(self._positions.lengthened_class_query(query), keys, values)
        else:
            queries = self._pool_query(self._to_query(tokens))
            attended = self._attend(self._positions.lengthened_queries(queries), keys, values)
            attended[:, 1:] += queries.grid
        return self._project(attended.flatten(2))

    def _keys_and_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        if self._touched is not None:
            tokens = tokens[:, self._touched]
        keys = self._positions.lengthened_keys(self._pool_key(self._to_key(tokens)))
        return keys, torch.cat(self._pool_value(self._to_value(tokens)), dim=1)


def attend_fused(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax attention in one kernel.

    Parameters
    ----------
    queries, keys
        (N, Q, heads, width) and (N, K, heads, width).
    values
        (N, K, heads, dim), dim at most width.

    Returns
    -------
    Tensor
        (N, Q, heads, dim).
    """
    dim = values.shape[3]
    # the kernel takes only values that are as wide as the keys
    values = functional.pad(values, (0, keys.shape[3] - dim))
    query, key, value = (each.transpose(1, 2) for each in (queries, keys, values))
    attended = functional.scaled_dot_product_attention(query, key, value, scale=1.0)
    return attended.transpose(1, 2)[..., :dim].contiguous()


def attend_in_products(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax attention in two matrix products, one head and some hundred queries at a time.

    Parameters and result are those of `attend_fused`.
    """
    clips, rows, heads, _ = queries.shape
    attended = queries.new_empty(clips, rows, heads, values.shape[3])
    at_once = max(1, SCORES_AT_ONCE // keys.shape[1])
    for clip in range(clips):
        for head in range(heads):
            key, value = keys[clip, :, head].t(), values[clip, :, head]
            for start in range(0, rows, at_once):
                some = slice(start, start + at_once)
                weights = torch.softmax(queries[clip, some, head] @ key, dim=1)
                torch.mm(weights, value, out=attended[clip, some, head])
    return attended
