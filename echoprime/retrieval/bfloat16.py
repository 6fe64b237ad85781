"""A filter in bfloat16, for cores that multiply it faster than float32 (AVX512-BF16, AMX).

The error. Let v = 2**-8, the unit roundoff of 8 significant bits, h = 2**-126, n = 512, q' and r' the rounded
query and row, s the sum and t what torch hands on: s rounded to bfloat16. First where nothing is below h.
- |q.r - q'.r'| <= |q - q'| |r'| + |q| |r - r'|. These norms are measured, not bounded: of each query, and the
  largest of all rows. They are 0.4 to 0.5 v times the vector's, and never more than v times.
- A product of two bfloat16 is exact in float32. The hardware sums two of them (VDPBF16PS) or more
  (TDPBF16PS) at a time, in an order of its own: n additions of relative error at most u = 2**-23, twice
  that of rounding to nearest, so |s - q'.r'| <= gamma(n) |q'| |r'|.
- |t - s| <= v |s| <= v (1 + gamma) |q'| |r'|.
Together |t - q.r| <= |q - q'| |r'| + |q| |r - r'| + (v + gamma + v gamma) |q'| |r'|, to both sides: about
2 v, and 3 v, nearly reached, where all roundings go the same way.

Underflow. A number below h may be flushed to zero: read as such it changes q' and r' by at most sqrt(n) h
each, so the product by sqrt(n) h (|q'| + |r'|) + n h**2, grown by rounding as above; of n products and n
additions 2n h, and of t one h. While gamma < 1/4 all this is below n h (4 + 2 |q'| + 2 |r'|).

Libraries may compute otherwise where the hardware lacks it. So a sample of rows is compared once with float64
when the filter is made, and one that breaks its own bound is refused.

Codes. Numbers of one sign are ordered as the whole numbers of the same 16 bits are: upwards where they are
positive, downwards where they are negative, and all negative ones are below. So the maximum of a group is the
largest whole number, unless that is negative: then the least. Whole numbers are compared 32 at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from echoprime.errors import SettingError
from echoprime.retrieval.filters import Filter, folded, group_starts
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import errors, lengths, relative_error
from echoprime.retrieval.scan import BLOCK_QUERIES, BLOCK_ROWS

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

    scores = np.int16
    left_out = -128
    """The 16 bits of bfloat16's -inf, the largest of all negative codes."""

    def __init__(self, rows: Rows, largest_norm: float) -> None:
        self._largest_norm = largest_norm
        self.starts = group_starts([len(rows)])
        dimension = rows.parts[0].embeddings.shape[1] if rows.parts else 0
        self._copy = torch.empty((len(rows), dimension), dtype=torch.bfloat16)
        self._longest = self._farthest = 0.0
        for first, block in rows.blocks(BLOCK):
            copy = self._copy[first : first + len(block)]
            # a copy: torch warns of the memory map, which cannot be written
            copy.copy_(torch.from_numpy(block.copy()))
            wide = copy.float().numpy()
            self._longest = max(self._longest, _longest(wide))
            self._farthest = max(self._farthest, _longest(block - wide))
        if len(rows):
            self._check(rows.spread(BLOCK_ROWS))

    def _check(self, block: NDArray[np.float32]) -> None:
        """Libraries take another way for another shape: as many rows and queries as a search multiplies."""
        queries = np.resize(block, (BLOCK_QUERIES, block.shape[1]))
        lines, slack = self.project(queries)
        codes = np.empty((len(block), len(lines)), np.int16)
        self.product(torch.from_numpy(block).to(torch.bfloat16), lines, codes)
        exact = block.astype(np.float64) @ queries.T.astype(np.float64)
        if not (np.abs(self.maxima(codes, 1) - exact) <= slack).all():  # NaN is refused too
            raise SettingError("--search-filter bfloat16: this machine multiplies too inexactly; use float32")

    def project(self, queries: NDArray[np.float32]) -> tuple[torch.Tensor, NDArray[np.float64]]:
        n = queries.shape[1]
        lines = torch.from_numpy(queries).to(torch.bfloat16)
        narrow = lines.float().numpy()
        of_line, apart = lengths(narrow), lengths(queries - narrow)
        gamma = relative_error(n, 2.0**-23)
        rounded = apart * self._longest + lengths(queries) * self._farthest
        summed = (_V + gamma + _V * gamma) * of_line * self._longest
        underflow = 2.0**-126 * n * (4 + 2 * (of_line + self._longest))
        return lines, rounded + summed + underflow + errors(queries, self._largest_norm)

    def blocks(self, size: int) -> Iterator[tuple[int, torch.Tensor]]:
        for first in range(0, len(self._copy), size):
            yield first, self._copy[first : first + size]

    def product(self, block: torch.Tensor, lines: torch.Tensor, out: NDArray[np.int16]) -> None:
        torch.mm(block, lines.T, out=torch.from_numpy(out).view(torch.bfloat16))

    def maxima(self, scores: NDArray[Any], size: int) -> NDArray[np.float32]:
        best = folded(np.maximum, scores, size)
        if size > 1 and (best < 0).any():
            best = np.where(best < 0, folded(np.minimum, scores, size), best)
        return (best.astype(np.int32) << 16).view(np.float32)


def _longest(block: NDArray[np.float32]) -> float:
    """No line is longer: squares summed in float32, and what that may lose."""
    n = block.shape[1]
    square = float(np.einsum("ij,ij->i", block, block).max(initial=0))
    return float(np.sqrt((square + n * 2.0**-126) * (1 + 2 * relative_error(n, 2.0**-24)))) * (1 + 2.0**-40)
