"""A filter in whole numbers of 8 bits, for cores that multiply them faster than float32 (VNNI, AMX).

Coded are the rows' own numbers, or their coordinates along few principal directions, whose products bound the
scores (`echoprime.retrieval.coordinates`).

Codes. Of each number the rows' range is cut into 254 steps: m is its middle, s its step, both float32. A
row r is coded as c = round((r - m) / s), whole numbers from -127 to 127; a query q, through p = q s, as
d = round(p / t) with a step t of its own. All products of two vectors are meant number by number first.

The error. q.r = q.m + p.((r - m) / s), where the last factor is c + e. So q.r is approximated by q.m + t d.c,
and |q.r - (q.m + t d.c)| = |p.e + (p - t d).c| <= |p| |e| + |p - t d| |c|, by Cauchy and Schwarz. These norms
are measured, not bounded: of each query, and the largest of all rows.

Rounding. n = coordinates.
- d.c is exact: below 127**2 n, so below 2**31 for n up to 133,000. It is the filter's score.
- What is computed in float64 - q.m, p, p - t d, and what a threshold stands for in d.c - is together within
  n**2 2**-50 |q| |r|. `errors` has 2**-24 n |q| |r| for float32 products of whole rows, which are not made
  here. The threshold is rounded down to a whole number.
- e is measured in float32: (r - m) and its quotient by s are each within u of at most 128, which is below
  2**-15 together; and s is at least 1e-30, so that what is flushed to zero does not count.

Libraries may compute otherwise where the hardware lacks it: some add two products in 16 bits, which are too
few. So products of the largest codes are compared once with exact ones when the filter is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from echoprime.errors import SettingError
from echoprime.retrieval.coordinates import Coordinates
from echoprime.retrieval.filters import CodedFilter
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.principal import BLOCK
from echoprime.retrieval.rescoring import lengths
from echoprime.retrieval.scan import BLOCK_QUERIES, BLOCK_ROWS

LARGEST = 127
"""Of the codes: -128 has no opposite."""

LEAST_STEP = 1e-30
"""Rows that differ by less are coded alike."""

_ROUNDING = 2.0**-15
"""Of each number of e, see above."""

_SCORES = np.iinfo(np.int32)


@dataclass(frozen=True, eq=False)
class Coded:
    """Queries.

    Attributes
    ----------
    codes
        int8 (queries, width).
    step, offset
        float64 (queries,): t and q.m.
    """

    codes: torch.Tensor
    step: NDArray[np.float64]
    offset: NDArray[np.float64]


class Int8Filter(CodedFilter):
    """Codes of all rows' coordinates, a byte a number.

    Parameters
    ----------
    rows
        To search in.
    coordinates
        Which.

    Raises
    ------
    SettingError
        This machine's torch does not multiply whole numbers, or not exactly.
    """

    scores = np.int32
    left_out, above_all = int(_SCORES.min), int(_SCORES.max)

    def __init__(self, rows: Rows, coordinates: Coordinates) -> None:
        _check_products(coordinates.width)
        self._coordinates = coordinates
        super().__init__(np.empty((len(rows), coordinates.width), np.int8))
        self._centre, self._step = _ranges(rows, coordinates)
        self._longest = self._longest_code = self._farthest = 0.0
        for first, block in rows.blocks(BLOCK):
            self._code(coordinates.of_rows(block), self._codes[first : first + len(block)])

    def _code(self, found: NDArray[np.float32], out: NDArray[np.int8]) -> None:
        exact = (found - self._centre) / self._step
        rounded = np.clip(np.rint(exact), -LARGEST, LARGEST)
        out[:] = rounded
        beside = lengths(exact - rounded).max(initial=0.0) + _ROUNDING * self.width**0.5
        self._farthest = max(self._farthest, float(beside))
        self._longest = max(self._longest, float(lengths(found).max(initial=0.0)))
        self._longest_code = max(self._longest_code, float(lengths(rounded).max(initial=0.0)))

    def project(self, queries: NDArray[np.float32]) -> tuple[Coded, NDArray[np.float64]]:
        lines, slack = self._coordinates.of_queries(queries, self._longest)
        wide, centre = lines.astype(np.float64), self._centre.astype(np.float64)
        scaled = wide * self._step
        largest = np.abs(scaled).max(axis=1, initial=0.0)
        step = np.maximum(largest / LARGEST, 2.0**-126).astype(np.float32).astype(np.float64)
        codes = np.clip(np.rint(scaled / step[:, None]), -LARGEST, LARGEST)
        beside = lengths(scaled - codes * step[:, None])
        coding = lengths(scaled) * self._farthest + beside * self._longest_code
        coded = Coded(torch.from_numpy(codes.astype(np.int8)), step, wide @ centre)
        return coded, slack + coding

    def product(self, block: NDArray[np.int8], lines: Coded, out: NDArray[np.int32]) -> None:
        _multiply(block, lines.codes, out)

    def least(self, lines: Coded, threshold: NDArray[np.float64]) -> NDArray[np.int32]:
        exact = np.floor((threshold - lines.offset) / lines.step)
        least: NDArray[np.int32] = np.clip(exact, _SCORES.min + 1, _SCORES.max).astype(np.int32)
        return least


def _ranges(rows: Rows, coordinates: Coordinates) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middle and step of each coordinate."""
    lowest, highest = np.full(coordinates.width, np.inf), np.full(coordinates.width, -np.inf)
    for _, block in rows.blocks(BLOCK):
        found = coordinates.of_rows(block)
        lowest = np.minimum(lowest, found.min(axis=0))
        highest = np.maximum(highest, found.max(axis=0))
    if not len(rows):
        return np.zeros(coordinates.width, np.float32), np.ones(coordinates.width, np.float32)
    centre = ((lowest + highest) / 2).astype(np.float32)
    step = np.maximum(np.maximum(highest - centre, centre - lowest) / LARGEST, LEAST_STEP)
    # a coordinate in which rows hardly differ must not take the query's steps from the others
    step = np.maximum(step, step.max(initial=0.0) * 2.0**-20)
    return centre, step.astype(np.float32)


def _multiply(rows: NDArray[np.int8], queries: torch.Tensor, out: NDArray[np.int32]) -> None:
    """Write the products (rows, queries) into `out`."""
    torch._int_mm(torch.from_numpy(rows), queries.T, out=torch.from_numpy(out))  # no public name yet


def _check_products(width: int) -> None:
    """Multiply as many rows and queries as a search does: libraries take another way for another shape.

    Raises
    ------
    SettingError
        See `Int8Filter`.
    """
    rng = np.random.default_rng(0)
    rows, queries = (
        rng.integers(-LARGEST, LARGEST + 1, (count, width)).astype(np.int8)
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
    exact = rows.astype(np.float64) @ queries.T.astype(np.float64)
    if not (np.array_equal(found, exact) and np.array_equal(one, exact[:, :1])):
        raise SettingError("--search-filter int8: this machine multiplies inexactly; use float32")
