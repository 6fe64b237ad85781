"""Scores of chosen pairs of query and row: float32 with a proven error, float64 in one fixed order, ranked.

The error of a float32 product. Let u = 2**-24, n = 512, gamma = n*u / (1 - n*u). Whatever the order of
summation, with or without fused multiply-add, it differs from the true product by at most
gamma * |query| * |row| (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), and the float64 score
by as much with u = 2**-53; underflow adds at most n * 2**-149, where it is flushed to zero n * 2**-126 of
products and n * 2**-126 * (|query| + |row|) of factors.
`errors` is the sum of these, with `largest_norm` for |row|.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.parts import Rows

Scores = TypeVar("Scores", np.float32, np.float64)

RESCORED_AT_ONCE = 64
"""Rows of one query scored at once: their 384 KB of buffers stay in a core's second-level cache."""

GATHERED_AT_ONCE = 512
"""Rows gathered at once for their float32 scores: 1 MB."""

FEW_PAIRS = 64
"""Pairs a query, in the mean, below which its rows are not multiplied together."""

PAIRS_AT_ONCE = 128
"""Of such pairs so many at once: half a megabyte."""


def errors(queries: NDArray[np.float32], largest_norm: float) -> NDArray[np.float64]:
    """How far a float32 score may be from the float64 score of the same pair, one bound a query.

    Examples
    --------
    >>> errors(np.eye(1, 512, dtype=np.float32), 1.0).round(8).tolist()
    [3.052e-05]
    """
    n = queries.shape[1]
    gamma = sum(relative_error(n, u) for u in (2.0**-24, 2.0**-53))
    norms = lengths(queries)
    bound: NDArray[np.float64] = gamma * norms * largest_norm + n * 2.0**-126 * (1 + norms + largest_norm)
    return bound


def relative_error(terms: int, unit: float) -> float:
    """Higham's gamma: of a sum of so many products, relative to the sum of their magnitudes."""
    return terms * unit / (1 - terms * unit)


def lengths(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Norms of lines, rounded up.

    Examples
    --------
    >>> lengths(np.array([[3.0, 4.0]])).round(6).tolist()
    [5.0]
    """
    norms: NDArray[np.float64] = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1)) * (1 + 2.0**-40)
    return norms


def narrow_scores(
    rows: Rows, queries: NDArray[np.float32], query: NDArray[np.int64], row: NDArray[np.int64]
) -> NDArray[np.float32]:
    """float32 scores of pairs, ordered by query; `errors` bounds them."""
    scores = np.empty(len(row), np.float32)
    if len(row) < FEW_PAIRS * len(queries):
        # a call for each query would cost more than the products
        room, asked = np.empty((2, PAIRS_AT_ONCE, queries.shape[1]), np.float32)
        for here, found, out in _gathered(rows, np.zeros_like(query), row, room, scores):
            lines = np.take(queries, query[here], axis=0, out=asked[: len(here)], mode="clip")
            np.einsum("ij,ij->i", found, lines, out=out)
        return scores
    room = np.empty((GATHERED_AT_ONCE, queries.shape[1]), np.float32)
    for here, found, out in _gathered(rows, query, row, room, scores):
        np.matmul(found, queries[query[here[0]]], out=out)
    return scores


def rescore(
    rows: Rows, queries: NDArray[np.float32], query: NDArray[np.int64], row: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Scores of pairs in float64: products are exact, the sum runs in numpy's fixed pairwise order.

    Never through BLAS, whose order depends on the batch: exact duplicates would come out unequal.
    """
    scores = np.empty(len(row))
    narrow = np.empty((RESCORED_AT_ONCE, queries.shape[1]), np.float32)
    wide = np.empty_like(narrow, np.float64)
    vectors = queries.astype(np.float64)
    for here, found, out in _gathered(rows, query, row, narrow, scores):
        products = wide[: len(found)]
        np.copyto(products, found)
        np.multiply(products, vectors[query[here[0]]], out=products)
        np.add.reduce(products, axis=1, out=out)
    return scores


def _gathered(
    rows: Rows,
    query: NDArray[np.int64],
    row: NDArray[np.int64],
    room: NDArray[np.float32],
    scores: NDArray[Scores],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[Scores]]]:
    """(places of one query's next pairs, their rows, where their scores belong), as many as `room` holds."""
    for part, start, chosen in rows.by_part(row):
        local = row[chosen] - start
        out = scores if len(chosen) == len(row) else np.empty(len(chosen), scores.dtype)
        for _, first, last in runs(query[chosen], len(room)):
            # mode="clip" writes without a second copy; the rows are all within.
            found = np.take(part, local[first:last], axis=0, out=room[: last - first], mode="clip")
            yield chosen[first:last], found, out[first:last]
        if out is not scores:
            scores[chosen] = out


def runs(query: NDArray[np.int64], most: int) -> Iterator[tuple[int, int, int]]:
    """(query, first, last) of each run of one query's pairs, none longer than `most`.

    Examples
    --------
    >>> list(runs(np.array([0, 0, 0, 2]), 2))
    [(0, 0, 2), (0, 2, 3), (2, 3, 4)]
    """
    if not len(query):
        return
    starts = np.flatnonzero(np.r_[True, query[1:] != query[:-1]])
    ends = np.r_[starts[1:], len(query)]
    for line, first, end in zip(query[starts].tolist(), starts.tolist(), ends.tolist(), strict=True):
        while first < end:
            last = min(end, first + most)
            yield line, first, last
            first = last


def rank(
    query: NDArray[np.int64],
    row: NDArray[np.int64],
    scores: NDArray[np.float64],
    found_rows: NDArray[np.int64],
    found_scores: NDArray[np.float64],
) -> None:
    """Write each query's best pairs into its line, by (-score, row).

    Pairs come ordered by (query, row), so a stable sort by score alone settles ties by row. Queries are
    padded to one width; those with many survivors (long runs of exact ties) are sorted one by one.
    """
    lines, k = found_rows.shape
    starts = np.searchsorted(query, np.arange(lines + 1))
    counts = np.diff(starts)
    usual = counts <= 4 * k + 64
    width = int(counts[usual].max(initial=0))
    place = starts[:-1, None] + np.arange(width)[None, :]
    valid = (np.arange(width)[None, :] < counts[:, None]) & usual[:, None]
    padded = np.full((lines, width), np.inf)
    padded[valid] = -scores[place[valid]]
    order = np.argsort(padded, axis=1, kind="stable")[:, :k]
    ranked = np.take_along_axis(valid, order, axis=1)
    pair = np.take_along_axis(place, order, axis=1)[ranked]
    n = order.shape[1]
    found_rows[:, :n][ranked] = row[pair]
    found_scores[:, :n][ranked] = scores[pair]
    for line in np.flatnonzero(~usual).tolist():
        here = slice(int(starts[line]), int(starts[line + 1]))
        best = np.argsort(-scores[here], kind="stable")[:k]
        found_rows[line, : len(best)] = row[here][best]
        found_scores[line, : len(best)] = scores[here][best]
