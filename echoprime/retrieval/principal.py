"""A filter that multiplies the candidates' principal directions alone, and bounds what the others can add.

Embeddings of one field lie close to few directions. Let W be the d first eigenvectors of the rows' second
moments (no centring: the common direction is then simply the first), r a row, c its d coefficients and
e = r - Wc what they leave; a = W'q and p = q - Wa the same of a query q. Then q.r = a.c + q.e, and
q.e = a.(W'e) + p.e <= |a| |W'e| + |p| |e|, by Cauchy and Schwarz. So the product of (a, |p|) and (c, |e|),
d + 1 numbers instead of 512, is no less than q.r, up to what rounding does.

Rounding. n = 512, u = 2**-24, gamma as in `echoprime.retrieval.rescoring`, R the largest norm of a row.
- c is a float32 product: c = W'r + x with |x| <= rho |r|, rho = gamma(n) sqrt(d) max|w|.
- W is float32, so not quite orthonormal: W'W = I + E; eta = |E| (Frobenius, in float64), and |c| <= g |r|
  with g = 1 + eta + rho.
- W'e = W'r - W'Wc = -x - Ec, so |W'e| <= (rho + eta g) |r|.
- |e|**2 = |r|**2 - |c|**2 + 2c.x + c'Ec <= |r|**2 - |c|**2 + (2 g rho + eta g**2) |r|**2, where both squares
  are float32 sums, each within gamma(n) of itself. The root is kept rounded up.
- a is computed in float64, within n sqrt(d) 2**-53 |q| < 2**-38 |q|, and rounded to float32, which moves a.c
  by at most 2**-24 |a| |c|. |p| gets the 2**-38 |q| on top and is rounded up.
- The product of d + 1 float32 numbers is within gamma(d + 1) |(a, p)| |(c, e)| of itself.
The slack is the sum of these for the largest norms, and `errors`, by which a float64 score may be above the
true one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.filters import CodedFilter
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import errors, lengths, relative_error

SAMPLE = 8192
"""Rows, evenly over the shard, from which the directions are found."""

WIDTHS = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8)
"""Widths of the product that are tried, as shares of the rows' own."""

LEFT_OUT = 0.04
"""Share of the rows' square norm that the directions may leave out, in the mean; above it too many pass.

Chosen on drawn rows whose variance falls as i**-1.5: fewer directions or more cost more together.
"""

BLOCK = 4096
"""Rows projected at once."""

_U = 2.0**-24


class PrincipalFilter(CodedFilter):
    """Coefficients of all rows on some directions, and the norm of the rest: float32 (rows, width).

    Parameters
    ----------
    rows
        To search in.
    directions
        float32 (dimension, d), nearly orthonormal.
    largest_norm
        No row is longer; at most 1e18, since squares of norms are float32 sums.
    """

    two_sided = False

    def __init__(self, rows: Rows, directions: NDArray[np.float32], largest_norm: float) -> None:
        self._directions = directions
        self._largest_norm = largest_norm
        dimension, count = directions.shape
        wide = directions.astype(np.float64)
        self._eta = float(np.linalg.norm(wide.T @ wide - np.eye(count))) + 2.0**-40
        widest = float(lengths(wide.T).max(initial=0.0))
        self._rho = relative_error(dimension, _U) * count**0.5 * widest
        super().__init__(np.empty((len(rows), count + 1), np.float32))
        for first, block in rows.blocks(BLOCK):
            self._code(block, self._codes[first : first + len(block)])
        self._longest = max(
            (float(lengths(self._codes[at : at + BLOCK]).max()) for at in range(0, len(rows), BLOCK)),
            default=0.0,
        )

    @property
    def width(self) -> int:
        """Numbers multiplied for each row."""
        return int(self._codes.shape[1])

    def _code(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        dimension = block.shape[1]
        np.matmul(block, self._directions, out=out[:, :-1])
        whole = np.einsum("ij,ij->i", block, block).astype(np.float64)
        kept = np.einsum("ij,ij->i", out[:, :-1], out[:, :-1]).astype(np.float64)
        gamma = relative_error(dimension, _U)
        g = 1 + self._eta + self._rho
        room = 2 * g * self._rho + self._eta * g * g
        underflow = dimension**2 * 2.0**-126 * (1 + self._largest_norm)
        left = whole * (1 + 3 * gamma) * (1 + room) - kept * (1 - gamma) + underflow
        out[:, -1] = np.nextafter(np.sqrt(np.maximum(left, 0)).astype(np.float32), np.float32(np.inf))

    def project(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        wide, directions = queries.astype(np.float64), self._directions.astype(np.float64)
        a = wide @ directions
        in_float64 = 2.0**-38 * lengths(wide)
        rest = lengths(wide - a @ directions.T) + in_float64
        lines = np.empty((len(queries), self.width), np.float32)
        lines[:, :-1] = a
        lines[:, -1] = np.nextafter(rest.astype(np.float32), np.float32(np.inf))
        of_a, of_line = lengths(a), lengths(lines)
        g = 1 + self._eta + self._rho
        beside = of_a * (self._rho + self._eta * g) * self._largest_norm
        rounding = self._longest * (relative_error(self.width, _U) * of_line + 2.0**-23 * of_a + in_float64)
        underflow = directions.size * 2.0**-126 * (1 + of_a)
        return lines, beside + rounding + underflow + errors(queries, self._largest_norm)

    def product(
        self, block: NDArray[np.float32], lines: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:
        np.matmul(block, lines.T, out=out)

    def bounds(
        self, lines: NDArray[np.float32], query: NDArray[np.int64], row: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        found = np.empty(len(row), np.float32)
        for line, here, codes in self._gathered(query, row):
            np.matmul(codes, lines[line], out=found[here])
        return found


def principal_filter(
    rows: Rows, largest_norm: float, *, wanted: bool = False, widest: float = 1.0
) -> PrincipalFilter | None:
    """The narrowest filter whose directions leave out no more than `LEFT_OUT` of the rows.

    Parameters
    ----------
    rows
        To search in, at least one.
    largest_norm
        No row is longer.
    wanted
        Make the widest where all leave out more; else None.
    widest
        Of `WIDTHS` only those up to this are tried.
    """
    sample = rows.spread(SAMPLE).astype(np.float64)
    moments = sample.T @ sample
    values, vectors = np.linalg.eigh(moments)
    held = np.cumsum(values[::-1])
    counts = sorted({max(1, int(share * len(moments)) - 1) for share in WIDTHS if share <= widest})
    enough = [count for count in counts if held[count - 1] >= (1 - LEFT_OUT) * held[-1]]
    if not enough and not wanted:
        return None
    directions = vectors[:, ::-1][:, : (enough or counts[-1:])[0]]
    return PrincipalFilter(rows, np.ascontiguousarray(directions, np.float32), largest_norm)
