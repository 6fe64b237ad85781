"""A filter in whole numbers of 8 bits, for cores that multiply them faster than float32 (VNNI, AMX).

Codes. Of each dimension the rows' range is cut into 254 steps: m is its middle, s its step, both float32. A
row r is coded as c = round((r - m) / s), whole numbers from -127 to 127; a query q, through p = q s, as
d = round(p / t) with a step t of its own. All products of two vectors are meant number by number first.

The error. q.r = q.m + p.((r - m) / s), where the last factor is c + e. So q.r is approximated by q.m + t d.c,
and |q.r - (q.m + t d.c)| = |p.e + (p - t d).c| <= |p| |e| + |p - t d| |c|, by Cauchy and Schwarz. These norms
are measured, not bounded: of each query, and the largest of all rows.

Rounding. n = dimension, u = 2**-24.
- d.c is exact: below 127**2 n, which is below 2**24 for n up to 1,040; so is its float32.
- t d.c + q.m in float32: u for the product, u for the sum, u for q.m, which is summed in float64, within
  n 2**-53 |q| |m|. Together below 4 u (t |d| |c| + |q.m|) + 2**-42 |q| |m|.
- e is measured in float32: (r - m) and its quotient by s are each within u of at most 128, which is below
  2**-15 together; and s is at least 1e-30, so that what is flushed to zero does not count.
- Underflow of t, of products and sums: below n 127**2 2**-126 and a little.

Libraries may compute otherwise where the hardware lacks it: some add two products in 16 bits, which are too
few. So products of the largest codes are compared once with exact ones when the filter is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from echoprime.errors import SettingError
from echoprime.retrieval.filters import CodedFilter, folded
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import errors, lengths
from echoprime.retrieval.scan import BLOCK_QUERIES, BLOCK_ROWS

BLOCK = 4096
"""Rows coded at once."""

LARGEST = 127
"""Of the codes: -128 has no opposite."""

LONGEST = 1040
"""Numbers in an embedding, at most: sums of products of codes are exact in float32."""

LEAST_STEP = 1e-30
"""Rows that differ by less are coded alike."""

_ROUNDING = 2.0**-15
"""Of each number of e, see above."""


@dataclass(frozen=True, eq=False)
class Coded:
    """Queries.

    Attributes
    ----------
    codes
        int8 (queries, dimension).
    step, offset
        float32 (queries,): t and q.m.
    """

    codes: torch.Tensor
    step: NDArray[np.float32]
    offset: NDArray[np.float32]


class Int8Filter(CodedFilter):
    """Codes of all rows, a quarter of the matrix's size.

    Parameters
    ----------
    rows
        To search in.
    largest_norm
        No row is longer.

    Raises
    ------
    SettingError
        This machine's torch does not multiply whole numbers, or not exactly; or embeddings have more numbers
        than `LONGEST`.
    """

    two_sided = False
    scored_first = 1  # errors are far below the slack, so the rows that look best are nearly the best
    scores = np.int32
    left_out = int(np.iinfo(np.int32).min)

    def __init__(self, rows: Rows, largest_norm: float) -> None:
        self._largest_norm = largest_norm
        dimension = rows.parts[0].embeddings.shape[1] if rows.parts else 0
        if dimension > LONGEST:
            raise SettingError(f"--search-filter int8: {dimension} numbers in an embedding; use float32")
        _check_products(dimension)
        self._centre, self._step = _ranges(rows, dimension)
        super().__init__(np.empty((len(rows), dimension), np.int8))
        self._longest = self._farthest = 0.0
        for first, block in rows.blocks(BLOCK):
            self._code(block, self._codes[first : first + len(block)])

    def _code(self, block: NDArray[np.float32], out: NDArray[np.int8]) -> None:
        exact = (block - self._centre) / self._step
        rounded = np.clip(np.rint(exact), -LARGEST, LARGEST)
        out[:] = rounded
        beside = lengths(exact - rounded).max(initial=0.0) + _ROUNDING * block.shape[1] ** 0.5
        self._farthest = max(self._farthest, float(beside))
        self._longest = max(self._longest, float(lengths(rounded).max(initial=0.0)))

    def project(self, queries: NDArray[np.float32]) -> tuple[Coded, NDArray[np.float64]]:
        n = queries.shape[1]
        wide, centre = queries.astype(np.float64), self._centre.astype(np.float64)
        scaled = wide * self._step
        largest = np.abs(scaled).max(axis=1, initial=0.0)
        step = np.maximum(largest / LARGEST, 2.0**-126).astype(np.float32)
        codes = np.clip(np.rint(scaled / step[:, None]), -LARGEST, LARGEST)
        coded = codes * step[:, None]
        offset = wide @ centre
        slack = lengths(scaled) * self._farthest + lengths(scaled - coded) * self._longest
        slack += 2.0**-22 * (lengths(coded) * self._longest + np.abs(offset))
        slack += 2.0**-42 * lengths(wide) * float(lengths(centre[None])[0])
        slack += n * (LARGEST**2 + 1) * 2.0**-126
        lines = Coded(torch.from_numpy(codes.astype(np.int8)), step, offset.astype(np.float32))
        return lines, slack * (1 + 2.0**-40) + errors(queries, self._largest_norm)

    def product(self, block: NDArray[np.int8], lines: Coded, out: NDArray[np.int32]) -> None:
        _multiply(block, lines.codes, out)

    def maxima(self, lines: Coded, scores: NDArray[Any], size: int) -> NDArray[np.float32]:
        best = folded(np.maximum, scores, size)
        found = _scores(best, lines.step, lines.offset)
        none = best == self.left_out
        if none.any():
            found[none] = -np.inf
        return found

    def bounds(self, lines: Coded, query: NDArray[np.int64], row: NDArray[np.int64]) -> NDArray[np.float32]:
        products = np.empty(len(row), np.int32)
        for line, here, codes in self._gathered(query, row):
            _multiply(codes, lines.codes[line : line + 1], products[here, None])
        return _scores(products, lines.step[query], lines.offset[query])


def _scores(
    products: NDArray[np.int32], step: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.float32]:
    """t d.c + q.m, rounded in one way wherever it is computed."""
    found = products.astype(np.float32)
    found *= step
    found += offset
    return found


def _ranges(rows: Rows, dimension: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middle and step of each dimension."""
    lowest, highest = np.full(dimension, np.inf), np.full(dimension, -np.inf)
    for _, block in rows.blocks(BLOCK):
        lowest = np.minimum(lowest, block.min(axis=0))
        highest = np.maximum(highest, block.max(axis=0))
    if not len(rows):
        return np.zeros(dimension, np.float32), np.ones(dimension, np.float32)
    centre = ((lowest + highest) / 2).astype(np.float32)
    widest = np.maximum(highest - centre, centre - lowest)
    step = np.maximum(widest / LARGEST, LEAST_STEP)
    # a dimension in which rows hardly differ must not take the query's steps from the others
    step = np.maximum(step, step.max(initial=0.0) * 2.0**-20)
    return centre, step.astype(np.float32)


def _multiply(rows: NDArray[np.int8], queries: torch.Tensor, out: NDArray[np.int32]) -> None:
    """Write the products (rows, queries) into `out`."""
    torch._int_mm(torch.from_numpy(rows), queries.T, out=torch.from_numpy(out))  # no public name yet


def _check_products(dimension: int) -> None:
    """As many rows and queries as a search multiplies: libraries take another way for another shape."""
    rng = np.random.default_rng(0)
    rows, queries = (
        rng.integers(-LARGEST, LARGEST + 1, (count, dimension)).astype(np.int8)
        for count in (BLOCK_ROWS, BLOCK_QUERIES)
    )
    for codes in (rows, queries):
        codes[:2] = [[LARGEST], [-LARGEST]]
    found = np.empty((len(rows), len(queries)), np.int32)
    one = np.empty((len(rows), 1), np.int32)
    try:
        _multiply(rows, torch.from_numpy(queries), found)
        _multiply(rows, torch.from_numpy(queries[:1]), one)
    except (AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError(
            f"--search-filter int8: torch does not multiply ({reason}); use float32"
        ) from error
    exact = rows.astype(np.float32) @ queries.T.astype(np.float32)
    if not (np.array_equal(found, exact) and np.array_equal(one, exact[:, :1])):
        raise SettingError("--search-filter int8: this machine multiplies inexactly; use float32")
