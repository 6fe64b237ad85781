"""A filter that multiplies the candidates' coordinates along their principal directions alone, in float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.coordinates import Coordinates
from echoprime.retrieval.filters import CodedFilter
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import lengths, relative_error

BLOCK = 4096
"""Rows projected at once."""


class PrincipalFilter(CodedFilter):
    """Coordinates of all rows: float32 (rows, width).

    The product of `width` float32 numbers is within gamma(width) of the product of their norms of itself, see
    `echoprime.retrieval.rescoring`.

    Parameters
    ----------
    rows
        To search in.
    coordinates
        Which.
    """

    def __init__(self, rows: Rows, coordinates: Coordinates) -> None:
        self._coordinates = coordinates
        super().__init__(np.empty((len(rows), coordinates.width), np.float32))
        self._longest = 0.0
        for first, block in rows.blocks(BLOCK):
            found = coordinates.of_rows(block)
            self._codes[first : first + len(block)] = found
            self._longest = max(self._longest, float(lengths(found).max(initial=0.0)))

    def project(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        lines, slack = self._coordinates.of_queries(queries, self._longest)
        return lines, slack + relative_error(self.width, 2.0**-24) * lengths(lines) * self._longest
