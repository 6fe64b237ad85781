"""Numbers of rows and queries whose products are no less than the scores: all of them, or few.

Embeddings of one field lie close to few directions. Let the columns of W span the d first eigenvectors of the
rows' second moments (no centring: the common direction is then simply the first), r a row, c its d
coefficients and e = r - Wc what they leave; a = W'q and p = q - Wa the same of a query q. Then
q.r = a.c + q.e, and q.e = a.(W'e) + p.e <= |a| |W'e| + |p| |e|, by Cauchy and Schwarz. So the product of
(a, |p|) and (c, |e|), d + 1 numbers instead of 512, is no less than q.r, up to what rounding does.

W is turned within its span, so that the variance lies evenly on its columns: products are the same, and
numbers of one size can be coded in few bits (`echoprime.retrieval.int8`).

Rounding. n = 512, u = 2**-24, gamma as in `echoprime.retrieval.rescoring`, R the largest norm of a row.
- c is a float32 product: c = W'r + x with |x| <= rho |r|, rho = gamma(n) sqrt(d) max|w|.
- W is float32, so not quite orthonormal: W'W = I + E; eta = |E| (Frobenius, in float64), and |c| <= g |r|
  with g = 1 + eta + rho.
- W'e = W'r - W'Wc = -x - Ec, so |W'e| <= (rho + eta g) |r|.
- |e|**2 = |r|**2 - |c|**2 + 2c.x + c'Ec <= |r|**2 - |c|**2 + (2 g rho + eta g**2) |r|**2, where both squares
  are float32 sums, each within gamma(n) of itself. The root is kept rounded up.
- a is computed in float64, within n**1.5 2**-53 |q|, and rounded to float32, which moves a.c by at most
  2**-24 |a| |c|, and by 2**-126 sqrt(d) |c| where numbers are so small. |p| gets n**1.5 2**-52 |q| on top and
  is rounded up.
The slack is the sum of these for the largest norms, and `errors`, by which a float64 score may be above the
true one. Who multiplies the numbers adds the error of that product.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import errors, lengths, relative_error

SAMPLE = 4096
"""Rows, evenly over the shard, from which the directions are found."""

WIDTHS = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2)
"""How many coordinates are tried, as shares of the rows' own numbers."""

_U = 2.0**-24


class Coordinates(Protocol):
    """Of rows and queries; no float64 score is above their product plus slack."""

    @property
    def width(self) -> int:
        """Numbers of a row."""

    def of_rows(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (rows, width)."""

    def of_queries(
        self, queries: NDArray[np.float32], longest: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """float32 (queries, width), and each query's slack.

        Parameters
        ----------
        queries
            float32 (queries, dimension).
        longest
            No row's coordinates are longer.
        """


class WholeRows:
    """The rows' own numbers.

    Parameters
    ----------
    dimension, largest_norm
        Of the rows.
    """

    def __init__(self, dimension: int, largest_norm: float) -> None:
        self.width = dimension
        self._largest_norm = largest_norm

    def of_rows(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        return block

    def of_queries(
        self, queries: NDArray[np.float32], longest: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        return queries, errors(queries, self._largest_norm)


class Directions:
    """Coefficients on some directions, and the norm of the rest.

    Parameters
    ----------
    directions
        float32 (dimension, d), nearly orthonormal.
    largest_norm
        No row is longer; at most 1e18, since squares of norms are float32 sums.
    """

    def __init__(self, directions: NDArray[np.float32], largest_norm: float) -> None:
        self._directions = directions
        self._largest_norm = largest_norm
        dimension, count = directions.shape
        self.width = count + 1
        wide = directions.astype(np.float64)
        self._eta = float(np.linalg.norm(wide.T @ wide - np.eye(count))) + 2.0**-40
        widest = float(lengths(wide.T).max(initial=0.0))
        self._rho = relative_error(dimension, _U) * count**0.5 * widest

    def of_rows(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        dimension = block.shape[1]
        out = np.empty((len(block), self.width), np.float32)
        np.matmul(block, self._directions, out=out[:, :-1])
        whole = np.einsum("ij,ij->i", block, block).astype(np.float64)
        kept = np.einsum("ij,ij->i", out[:, :-1], out[:, :-1]).astype(np.float64)
        gamma = relative_error(dimension, _U)
        g = 1 + self._eta + self._rho
        room = 2 * g * self._rho + self._eta * g * g
        underflow = dimension**2 * 2.0**-126 * (1 + self._largest_norm)
        left = whole * (1 + 3 * gamma) * (1 + room) - kept * (1 - gamma) + underflow
        out[:, -1] = np.nextafter(np.sqrt(np.maximum(left, 0)).astype(np.float32), np.float32(np.inf))
        return out

    def of_queries(
        self, queries: NDArray[np.float32], longest: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        wide, directions = queries.astype(np.float64), self._directions.astype(np.float64)
        a = wide @ directions
        in_float64 = len(directions) ** 1.5 * 2.0**-52 * lengths(wide)
        rest = lengths(wide - a @ directions.T) + in_float64
        lines = np.empty((len(queries), self.width), np.float32)
        lines[:, :-1] = a
        lines[:, -1] = np.nextafter(rest.astype(np.float32), np.float32(np.inf))
        of_a = lengths(a)
        g = 1 + self._eta + self._rho
        beside = of_a * (self._rho + self._eta * g) * self._largest_norm
        rounding = longest * (2.0**-23 * of_a + in_float64)
        underflow = directions.size * 2.0**-126 * (1 + of_a + longest)
        return lines, beside + rounding + underflow + errors(queries, self._largest_norm)


class Moments:
    """Second moments of a sample of rows, float64 (dimension, dimension), and what they say.

    Parameters
    ----------
    rows
        At least one.

    Attributes
    ----------
    matrix
        The moments.
    rest
        float64 (dimension,): what of the mean square norm one direction leaves, the first two, and so on.
    deviation
        Standard deviation of the scores of two rows.
    """

    def __init__(self, rows: Rows) -> None:
        sample = rows.spread(SAMPLE).astype(np.float64)
        self.matrix, mean = sample.T @ sample / len(sample), sample.mean(axis=0)
        # values alone: mostly too few directions are enough for anybody to ask for the vectors
        self.rest = self.matrix.trace() - np.cumsum(np.linalg.eigvalsh(self.matrix)[::-1])
        self.deviation = float(np.linalg.norm(self.matrix - np.outer(mean, mean)))


def principal_directions(
    moments: Moments, largest_norm: float, most_rest: float, *, least: float = 0.0, wanted: bool = False
) -> Directions | None:
    """The fewest directions, of `WIDTHS`, whose rest cannot hide much.

    Parameters
    ----------
    moments
        Of the rows.
    largest_norm
        No row is longer.
    most_rest
        How much the rest may add to the score of two rows, in the mean, in standard deviations of such
        scores: the more it adds, the more rows pass.
    least
        Of `WIDTHS` only those from this on are tried.
    wanted
        Take the most directions where all leave more; else None.
    """
    numbers = len(moments.matrix)
    counts = sorted({max(1, int(share * numbers) - 1) for share in WIDTHS if share >= least})
    enough = [count for count in counts if moments.rest[count - 1] <= most_rest * moments.deviation]
    if not enough and not wanted:
        return None
    count = (enough or counts[-1:])[0]
    _, vectors = np.linalg.eigh(moments.matrix)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((count, count)))
    directions = vectors[:, ::-1][:, :count] @ turn
    return Directions(np.ascontiguousarray(directions, np.float32), largest_norm)
