"""MViT's relative position bias, moved from the table of attention scores into the head dimension.

The bias of a query and a key is the sum of three numbers, one an axis (time, row, column): the query times a
row of that axis's table, which the distance between the two on that axis selects. For one query that is a
number for each time, each row and each column that a key can have. So every query is lengthened by these
numbers and every key by ones where its own time, row and column are: the product of the two then holds the
bias, no table of queries times keys is ever made for it, and the fused attention kernels need no mask. The
class token has no position: its query is lengthened by zeros, and so is its key.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.video.mvit import MultiscaleAttention

from echoprime.networks.arithmetic import FLOAT32, Arithmetic
from echoprime.networks.linear import Linear
from echoprime.networks.pooling import Grid, Pooled

LANES = 8
"""The lengthened head dimension is filled up with zeros to a multiple of this, as wide registers like it."""


class RelativePositions:
    """Lengthens queries and keys so that their product holds the position bias.

    Parameters
    ----------
    attention
        torchvision's, for its three tables.
    queries, keys
        Their grids, after pooling. On each axis one length must divide the other.
    arithmetic
        Its type is that of the queries and keys.
    """

    def __init__(
        self,
        attention: MultiscaleAttention,
        queries: Grid,
        keys: Grid,
        *,
        arithmetic: Arithmetic = FLOAT32,
    ) -> None:
        self._queries, self._keys = queries, keys
        self._heads, self._dim = attention.num_heads, attention.head_dim
        tables = (attention.rel_pos_t, attention.rel_pos_h, attention.rel_pos_w)
        for table, query, key in zip(tables, queries, keys, strict=True):
            if len(table) != 2 * max(query, key) - 1 or max(query, key) % min(query, key):
                raise ValueError(f"{len(table)} distances do not fit grids {queries} and {keys}")
        # largest distance first, so that a query's numbers for growing key coordinates lie in growing order
        rows = torch.cat([table.flip(0) for table in tables])
        # a linear layer without a bias: packed, in float32 it is twice as fast as a plain product
        self._products = Linear(rows, torch.zeros_like(rows[:, 0]), arithmetic=arithmetic)
        self.width = -(-(self._dim + sum(keys)) // LANES) * LANES
        self._ones = self._own_coordinates().to(rows.device, arithmetic.dtype)

    def _own_coordinates(self) -> Tensor:
        """Ones at the coordinates of each key, (1, 1 + T*H*W, heads, width - dim)."""
        coordinates = torch.cartesian_prod(*map(torch.arange, self._keys))
        ones = torch.zeros(1 + len(coordinates), self.width - self._dim)
        start = 0
        for axis, length in enumerate(self._keys):
            ones[1:, start : start + length] = functional.one_hot(coordinates[:, axis], length)
            start += length
        return ones[None, :, None].repeat(1, 1, self._heads, 1)

    def lengthened_keys(self, keys: Pooled) -> Tensor:
        """(N, 1 + T*H*W, heads, width)."""
        rows = torch.cat(keys, dim=1)
        return torch.cat([rows, self._ones.expand(len(rows), -1, -1, -1)], dim=3)

    def lengthened_class_query(self, query: Tensor) -> Tensor:
        """From (N, 1, heads, dim) to (N, 1, heads, width)."""
        return functional.pad(query, (0, self.width - self._dim))

    def lengthened_queries(self, queries: Pooled) -> Tensor:
        """(N, 1 + T*H*W, heads, width)."""
        clips, rows = queries.grid.shape[:2]
        lengthened = queries.grid.new_empty(clips, 1 + rows, self._heads, self.width)
        lengthened[:, :1] = self.lengthened_class_query(queries.class_token)
        grid = lengthened[:, 1:]
        grid[..., : self._dim] = queries.grid
        self._write_numbers(queries.grid, grid[..., self._dim :])
        return lengthened

    def _write_numbers(self, queries: Tensor, out: Tensor) -> None:
        """Write each query's numbers for every time, row and column of a key, then zeros."""
        products = self._products(queries.reshape(-1, self._dim))
        out = out.view(len(out), *self._queries, self._heads, -1)
        first_distance = start = 0
        for axis, length in enumerate(self._keys):
            numbers = self._by_coordinate(products, axis, first_distance)
            out[..., start : start + length] = numbers
            start += length
            first_distance += 2 * max(self._queries[axis], length) - 1
        out[..., start:] = 0

    def _by_coordinate(self, products: Tensor, axis: int, first_distance: int) -> Tensor:
        """View the products of one axis by key coordinate: (N, T, H, W, heads, keys on the axis).

        With `q` queries and `k` keys on the axis, query `i` and key `j` are at the distance
        `i * max(k / q, 1) + (k - 1 - j) * max(q / k, 1)`, counted from the smallest. From one query to the
        next the place of a key's product therefore moves back by a fixed step and from one key to the next
        forward by another: that is a view of `products` with other strides, and nothing is gathered.
        """
        queries, keys = self._queries[axis], self._keys[axis]
        by_query, by_key = max(keys // queries, 1), max(queries // keys, 1)
        times, rows, columns = self._queries
        row = products.shape[1]
        strides = [
            times * rows * columns * self._heads * row,
            rows * columns * self._heads * row,
            columns * self._heads * row,
            self._heads * row,
            row,
            by_key,
        ]
        strides[1 + axis] -= by_query
        # where distance (k - 1) * by_key, that of query 0 and key 0, lies in the reversed table
        place = first_distance + 2 * max(queries, keys) - 2 - (keys - 1) * by_key
        clips = len(products) // (times * rows * columns * self._heads)
        shape = (clips, *self._queries, self._heads, keys)
        return products.as_strided(shape, strides, products.storage_offset() + place)
