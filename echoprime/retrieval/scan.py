"""The exact k nearest rows of each query: filtered in float32, ranked in float64.

Why two passes: float32 products depend on the shape of the batch and drop exact ties, so they only say
which rows *may* be among the k best; those are scored again by one sum in one fixed order.

The margin. Let u = 2**-24, n = 512, gamma = n*u / (1 - n*u). Whatever the order of summation, with or
without fused multiply-add, a float32 product differs from the true one by at most
gamma * |query| * |row| (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), and the float64
score by as much with u = 2**-53; underflow adds at most n * 2**-149. With e the sum of these, and
`largest_norm` for |row|: k rows whose float32 score is >= T have a float64 score >= T - e, so the k-th
best float64 score is >= T - e, and each of the k best rows has a float32 score >= T - 2e. So T - 2e,
rounded down, loses none of them, ties included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.parts import Rows

BLOCK_ROWS = 8192
"""Rows multiplied at once: 512 queries x 8192 rows x 4 bytes are 16 MB of scores."""

BLOCK_QUERIES = 512
"""Queries multiplied at once: enough for the product to be bound by arithmetic, not by memory."""

RESCORED_AT_ONCE = 64
"""Rows of one query scored at once: their 384 KB of buffers stay in a core's second-level cache."""

LEAST = np.float32(np.finfo(np.float32).min)
"""The lowest threshold: lets every row pass but those left out, whose score is set to -inf."""


@dataclass(frozen=True, eq=False)
class Excluded:
    """Rows that must not be among a query's neighbours: two int64 arrays of the same length."""

    query: NDArray[np.int64]
    row: NDArray[np.int64]

    def within(self, lo: int, hi: int) -> Excluded:
        """Those of the queries `lo` to `hi`, renumbered from 0."""
        here = (self.query >= lo) & (self.query < hi)
        return Excluded(self.query[here] - lo, self.row[here])


def nearest(
    rows: Rows,
    queries: NDArray[np.float32],
    k: int,
    largest_norm: float,
    excluded: Excluded,
    having: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Exactly the k best rows of each query by (-float64 score, row).

    Parameters
    ----------
    rows
        To search in.
    queries
        float32 (queries, 512), finite.
    k
        At least 1.
    largest_norm
        No row is longer than this.
    excluded
        Rows left out before ranking.
    having
        Search only rows that have this section; None = all.

    Returns
    -------
    rows, scores
        int64 and float64 (queries, k); -1 and -inf where there are fewer than k.
    """
    found_rows = np.full((len(queries), k), -1, np.int64)
    found_scores = np.full((len(queries), k), -np.inf)
    for lo in range(0, len(queries), BLOCK_QUERIES):
        block = slice(lo, lo + BLOCK_QUERIES)
        here = np.ascontiguousarray(queries[block], np.float32)
        query, row = _survivors(rows, here, k, largest_norm, excluded.within(lo, lo + len(here)), having)
        scores = rescore(rows, here, query, row)
        _rank(query, row, scores, found_rows[block], found_scores[block])
    return found_rows, found_scores


def margins(queries: NDArray[np.float32], largest_norm: float) -> NDArray[np.float64]:
    """Twice the error bound of the module's docstring, one a query.

    Examples
    --------
    >>> margins(np.eye(1, 512, dtype=np.float32), 1.0).round(8).tolist()
    [6.104e-05]
    """
    n = queries.shape[1]
    lengths = np.sqrt(np.square(queries, dtype=np.float64).sum(axis=1)) * (1 + 2.0**-40)
    gamma = sum(n * u / (1 - n * u) for u in (2.0**-24, 2.0**-53))
    bound: NDArray[np.float64] = 2 * (gamma * lengths * largest_norm + n * 2.0**-149)
    return bound


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
    for part, start, chosen in rows.by_part(row):
        local = row[chosen] - start
        out = scores if len(chosen) == len(row) else np.empty(len(chosen))
        for line, first, last in _runs(query[chosen]):
            n = last - first
            # mode="clip" writes without a second copy; the rows are all within.
            np.take(part, local[first:last], axis=0, out=narrow[:n], mode="clip")
            np.copyto(wide[:n], narrow[:n])
            np.multiply(wide[:n], vectors[line], out=wide[:n])
            np.add.reduce(wide[:n], axis=1, out=out[first:last])
        if out is not scores:
            scores[chosen] = out
    return scores


def _runs(query: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """(query, first, last) of each run of one query's pairs, none longer than `RESCORED_AT_ONCE`."""
    if not len(query):
        return
    starts = np.flatnonzero(np.r_[True, query[1:] != query[:-1]])
    ends = np.r_[starts[1:], len(query)]
    for line, first, end in zip(query[starts].tolist(), starts.tolist(), ends.tolist(), strict=True):
        while first < end:
            last = min(end, first + RESCORED_AT_ONCE)
            yield line, first, last
            first = last


def _survivors(
    rows: Rows,
    queries: NDArray[np.float32],
    k: int,
    largest_norm: float,
    excluded: Excluded,
    having: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (query, row) that may be among the k best, ordered by (query, row)."""
    margin = margins(queries, largest_norm)
    best = np.full(len(queries), LEAST, np.float64)  # no more than the k-th best float32 score so far
    kept: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    waiting = 0
    for first, block in rows.blocks(BLOCK_ROWS):
        scores = queries @ block.T
        out = (excluded.row >= first) & (excluded.row < first + len(block))
        scores[excluded.query[out], excluded.row[out] - first] = -np.inf
        if having is not None:
            lacking = (rows.sections[first : first + len(block)] >> np.uint32(having)) & 1 == 0
            scores[:, lacking] = -np.inf
        best = np.maximum(best, _lower_bound(scores, k))
        threshold = _round_down(np.maximum(best - margin, LEAST))
        query, row = np.divmod(np.flatnonzero(scores >= threshold[:, None]), scores.shape[1])
        kept.append((query, row + first, scores[query, row]))
        waiting += len(query)
        if len(kept) > 1 and waiting > 4 * k * len(queries):
            kept, best = _prune(kept, k, best, margin)
            waiting = 0
    if len(kept) > 1:
        kept, best = _prune(kept, k, best, margin)
    if not kept:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    query, row, _ = kept[0]
    return query, row


def _lower_bound(scores: NDArray[np.float32], k: int) -> NDArray[np.float64]:
    """No more than the k-th best of each line of `scores`, found without sorting it.

    The columns are dealt out to about 5k groups; the k-th best of the groups' maxima is the score of
    some column that k - 1 other ones reach. It lies little below the k-th best, for a tenth of the time.
    """
    lines, columns = scores.shape
    if columns < k:
        return np.full(lines, LEAST, np.float64)
    turns = max(1, columns // (5 * k))
    groups = columns // turns
    maxima = scores[:, : groups * turns].reshape(lines, turns, groups).max(axis=1)
    bound: NDArray[np.float64] = np.partition(maxima, groups - k, axis=1)[:, groups - k].astype(np.float64)
    return bound


def _round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The next float32 below, so that comparing in float32 keeps no less."""
    lower: NDArray[np.float32] = np.nextafter(values.astype(np.float32), LEAST)
    return lower


def _prune(
    kept: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]],
    k: int,
    best: NDArray[np.float64],
    margin: NDArray[np.float64],
) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]], NDArray[np.float64]]:
    """Raise the threshold to the k-th best of all pairs so far, and drop what is now below it."""
    query, row, scores = (np.concatenate(each) for each in zip(*kept, strict=True))
    order = np.lexsort((-scores, query))
    starts = np.searchsorted(query[order], np.arange(len(best) + 1))
    full = np.flatnonzero(np.diff(starts) >= k)
    best = best.copy()
    best[full] = np.maximum(best[full], scores[order[starts[full] + k - 1]])
    threshold = _round_down(np.maximum(best - margin, LEAST))
    chosen = np.flatnonzero(scores >= threshold[query])
    chosen = chosen[np.lexsort((row[chosen], query[chosen]))]
    return [(query[chosen], row[chosen], scores[chosen])], best


def _rank(
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
