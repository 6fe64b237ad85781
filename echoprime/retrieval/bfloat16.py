"""A filter in bfloat16, for cores that multiply it faster than float32 (AVX512-BF16, AMX).

The error. Let v = 2**-8, the unit roundoff of 8 significant bits, h = 2**-126, n = 512, q' and r' the rounded
query and row, s the sum and t what torch hands on: s rounded to bfloat16. First where nothing is below h.
- |q - q'| <= v |q| and |r - r'| <= v |r|, so |q'| |r'| <= (1 + v)**2 |q| |r|, and
  |q.r - q'.r'| <= |q - q'| |r'| + |q| |r - r'| <= (2v + v**2) |q| |r| = ((1 + v)**2 - 1) |q| |r|.
- A product of two bfloat16 is exact in float32. The hardware sums two of them (VDPBF16PS) or more
  (TDPBF16PS) at a time, in an order of its own: n additions of relative error at most u = 2**-23, twice
  that of rounding to nearest, so |s - q'.r'| <= gamma(n) (1 + v)**2 |q| |r|.
- |t - s| <= v |s| <= v (1 + gamma) (1 + v)**2 |q| |r|.
Together: |t - q.r| <= ((1 + gamma) (1 + v)**3 - 1) |q| |r|, to both sides; about 3v. It is nearly reached
where all three round the same way.

Underflow. A number below h is rounded, or flushed to zero, by at most h. Of the n numbers of q and r this
adds sqrt(n) h to |q - q'| and |r - r'|, so sqrt(n) h (1 + v) (|q| + |r|) + n h**2 to |q.r - q'.r'|, which
rounding then grows by at most (1 + v) (1 + gamma); of n products and n additions 2n h, grown as much, and of
t one h. While gamma < 1/4 all this is below n h (4 + 2 |q| + 2 |r|).

Libraries may compute otherwise where the hardware lacks it. So a sample of rows is compared once with float64
when the filter is made, and one that breaks its own bound is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from echoprime.errors import SettingError
from echoprime.retrieval.filters import Filter, group_starts
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import errors, lengths, relative_error

BLOCK = 8192
"""Rows rounded at once."""

_V = 2.0**-8
"""torch.finfo(torch.bfloat16).eps is the distance to the next number after 1, twice this."""


class BFloat16Filter(Filter):
    """A copy of all rows in bfloat16, half the size of the matrix.

    Parameters
    ----------
    rows
        To search in.
    largest_norm
        No row is longer.

    Raises
    ------
    SettingError
        The products of this machine's torch break the bound.
    """

    def __init__(self, rows: Rows, largest_norm: float) -> None:
        self._largest_norm = largest_norm
        self.starts = group_starts([len(rows)])
        dimension = rows.parts[0].embeddings.shape[1] if rows.parts else 0
        self._copy = torch.empty((len(rows), dimension), dtype=torch.bfloat16)
        for first, block in rows.blocks(BLOCK):
            # a copy: torch warns of the memory map, which cannot be written
            self._copy[first : first + len(block)] = torch.from_numpy(block.copy())
        for _, block in rows.blocks(256):
            self._check(block)
            break

    def _check(self, block: NDArray[np.float32]) -> None:
        queries = block[:: max(1, len(block) // 16)].copy()
        lines, slack = self.project(queries)
        found = self.product(self._copy[: len(block)], lines, np.empty((len(block), len(lines)), np.float32))
        exact = block.astype(np.float64) @ queries.T.astype(np.float64)
        if not (np.abs(found - exact) <= slack).all():  # NaN is refused too
            raise SettingError("--search-filter bfloat16: this machine multiplies too inexactly; use float32")

    def project(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        n = queries.shape[1]
        of_query = lengths(queries)
        gamma = relative_error(n, 2.0**-23)
        rounding = ((1 + gamma) * (1 + _V) ** 3 - 1) * of_query * self._largest_norm
        underflow = 2.0**-126 * n * (4 + 2 * (of_query + self._largest_norm))
        return queries, rounding + underflow + errors(queries, self._largest_norm)

    def blocks(self, size: int) -> Iterator[tuple[int, torch.Tensor]]:
        for first in range(0, len(self._copy), size):
            yield first, self._copy[first : first + size]

    def product(
        self, block: torch.Tensor, lines: NDArray[np.float32], out: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        narrow = torch.from_numpy(lines).to(torch.bfloat16)
        torch.from_numpy(out).copy_(block @ narrow.T)
        return out
