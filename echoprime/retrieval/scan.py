"""The exact k nearest rows of each query: a filter's cheap scores first, then float32, then float64.

Why several passes: float32 products depend on the shape of the batch and drop exact ties, so they only say
which rows *may* be among the k best; those are scored again by one sum in one fixed order.

1. The filter scores all rows, block by block; of every group of neighbouring rows the maximum is kept, and
   of every heap of neighbouring groups theirs, so that few of them are looked at again.
2. A floor: a number that k rows' float64 scores reach. Of a two-sided filter it is the k-th largest
   maximum minus the slack (each maximum is another row's score); else the k-th largest float32 score, minus
   its error, of the rows that look best by the filter.
3. No row whose score plus slack is below the floor is among the k best. Groups whose maximum is not, then
   rows in them, then by float32 (k rows have a float32 score of at least T, so a float64 score of at least
   T - e, and each of the k best a float32 score of at least T - 2e).
4. What is left is scored in float64 and ranked. None of the k best was lost on the way, ties included.

Bounds on scores and slacks are proven where they are computed: `echoprime.retrieval.rescoring`, `.principal`,
`.int8`. Where a filter lets so many rows of a query pass that looking at them costs as much as the whole
float32 product, that query gets the whole product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.filters import Filter, Float32Filter
from echoprime.retrieval.maxima import LEAST, Heaps, Maxima, Pairs
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.ranges import ranges
from echoprime.retrieval.rescoring import errors, narrow_scores, rank, rescore, runs

BLOCK_ROWS = 1024
"""Rows multiplied at once: with 512 queries 2 MB of scores, in the caches until their maxima are taken."""

BLOCK_QUERIES = 512
"""Queries multiplied at once: each row that BLAS copies for its kernel is used so often."""

MOST_PASSING = 1 / 40
"""Share of the rows that a filter may let pass: scoring one of them costs as much as 20 in the product."""

PAIRS_AT_ONCE = 1 << 21
"""Pairs of query and row looked at together, unless one query has more: some 100 MB."""

_kept = local()


@dataclass(frozen=True, eq=False)
class Excluded:
    """Rows that must not be among a query's neighbours: two int64 arrays of the same length."""

    query: NDArray[np.int64]
    row: NDArray[np.int64]

    def of(self, queries: NDArray[np.int64], count: int) -> Excluded:
        """Those of some of the `count` queries, renumbered in their order from 0."""
        number = np.full(count, -1, np.int64)
        number[queries] = np.arange(len(queries))
        mine = number[self.query] >= 0
        return Excluded(number[self.query[mine]], self.row[mine])


def nearest(
    rows: Rows,
    queries: NDArray[np.float32],
    k: int,
    largest_norm: float,
    excluded: Excluded,
    having: int | None = None,
    first: Filter | None = None,
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
    first
        The first pass; None = float32. No answer depends on it.

    Returns
    -------
    rows, scores
        int64 and float64 (queries, k); -1 and -inf where there are fewer than k.
    """
    found_rows = np.full((len(queries), k), -1, np.int64)
    found_scores = np.full((len(queries), k), -np.inf)
    whole = Float32Filter(rows, largest_norm)
    lacking = None if having is None else (rows.sections >> np.uint32(having)) & 1 == 0
    again: list[int] = []
    for lo in range(0, len(queries), BLOCK_QUERIES):
        these = np.arange(lo, min(lo + BLOCK_QUERIES, len(queries)))
        scan = _Scan(first or whole, rows, queries, these, k, largest_norm, excluded, lacking)
        again += scan.into(found_rows, found_scores)
    for lo in range(0, len(again), BLOCK_QUERIES):
        these = np.array(again[lo : lo + BLOCK_QUERIES])
        _Scan(whole, rows, queries, these, k, largest_norm, excluded, lacking).into(found_rows, found_scores)
    return found_rows, found_scores


class _Scan:
    """A block of queries, scanned with one filter."""

    def __init__(
        self,
        first: Filter,
        rows: Rows,
        queries: NDArray[np.float32],
        these: NDArray[np.int64],
        k: int,
        largest_norm: float,
        excluded: Excluded,
        lacking: NDArray[np.bool_] | None,
    ) -> None:
        self._filter = first
        self._rows = rows
        self._these = these
        self._queries = np.ascontiguousarray(queries[these], np.float32)
        self._k = k
        self._excluded = excluded.of(these, len(queries))
        self._lacking = lacking
        self._lines, self._slack = first.project(self._queries)
        self._error = errors(self._queries, largest_norm)
        # every row may pass in float32: there is nothing cheaper to fall back to
        self._whole = isinstance(first, Float32Filter)
        self._most = len(rows) if self._whole else max(4 * k, int(len(rows) * MOST_PASSING))
        self._size = int(np.diff(first.starts).max(initial=1))

    def into(self, found_rows: NDArray[np.int64], found_scores: NDArray[np.float64]) -> list[int]:
        """Write the k best of each query into its line; returns the queries of which too many rows pass."""
        maxima = self._maxima()
        floor = self._floor(maxima)
        threshold = _round_down(floor - self._slack)
        query, group = maxima.reaching(threshold)
        counts = np.bincount(query, minlength=len(self._these))
        best_rows = np.full((len(self._these), self._k), -1, np.int64)
        best_scores = np.full((len(self._these), self._k), -np.inf)
        unfit = np.flatnonzero(counts > self._most)
        fit = counts <= self._most
        for lines in _shares(counts * fit * self._size, PAIRS_AT_ONCE):
            here = slice(*np.searchsorted(query, (lines.start, lines.stop)))
            kept = fit[query[here]]
            pairs, too_many = self._passing(query[here][kept], group[here][kept], floor, threshold)
            scores = rescore(self._rows, self._queries, *pairs)
            rank(pairs[0] - lines.start, pairs[1], scores, best_rows[lines], best_scores[lines])
            unfit = np.union1d(unfit, too_many)
        found_rows[self._these], found_scores[self._these] = best_rows, best_scores
        again: list[int] = self._these[unfit].tolist()
        return again

    def _maxima(self) -> Maxima:
        """The best filter scores of groups and heaps."""
        groups = _kept_room("maxima", (len(self._filter.starts) - 1, len(self._these)), np.float32)
        heaps = Heaps(len(self._these))
        room = _kept_room("scores", (BLOCK_ROWS, len(self._these)), self._filter.scores)
        order = np.argsort(self._excluded.row, kind="stable")
        query, row = self._excluded.query[order], self._excluded.row[order]
        place = 0
        for first, block in self._filter.blocks(BLOCK_ROWS):
            last = first + len(block)
            scores = room[: len(block)]
            self._filter.product(block, self._lines, scores)
            here = slice(*np.searchsorted(row, (first, last)))
            scores[row[here] - first, query[here]] = self._filter.left_out
            if self._lacking is not None:
                scores[self._lacking[first:last]] = self._filter.left_out
            best = self._filter.maxima(self._lines, scores, self._size)
            groups[place : place + len(best)] = best
            heaps.add(best)
            place += len(best)
        return heaps.maxima(groups)

    def _passing(
        self,
        query: NDArray[np.int64],
        group: NDArray[np.int64],
        floor: NDArray[np.float64],
        threshold: NDArray[np.float32],
    ) -> tuple[Pairs, NDArray[np.int64]]:
        """Pairs that may be among the k best, by (query, row), and the queries that have too many of them."""
        query, row = self._rows_of(query, group)
        bounds = self._filter.bounds(self._lines, query, row)
        if bounds is not None:
            # these products may be rounded otherwise than the maxima were; the slack covers both
            kept = bounds >= threshold[query]
            query, row = query[kept], row[kept]
        elif self._size == 1 and self._whole:
            return (query, row), query[:0]  # the maxima are the float32 scores
        counts = np.bincount(query, minlength=len(self._these))
        if (counts > self._most).any():
            kept = counts[query] <= self._most
            query, row = query[kept], row[kept]
        narrow = narrow_scores(self._rows, self._queries, query, row)
        best = np.maximum(floor, self._kth(query, narrow) - self._error)
        kept = narrow >= _round_down(best - self._error)[query]
        return (query[kept], row[kept]), np.flatnonzero(counts > self._most)

    def _floor(self, maxima: Maxima) -> NDArray[np.float64]:
        """Numbers that the float64 scores of k rows reach; the lowest one where there are no k rows."""
        if self._filter.two_sided:
            reached = maxima.lower_bound(self._k)
            return np.where(reached > LEAST, reached - self._slack, LEAST)
        count = self._filter.scored_first * self._k
        reached = np.maximum(maxima.lower_bound(count), LEAST)
        query, group = maxima.reaching(reached)
        # any rows will do: of many equal maxima some are enough
        few = np.arange(len(query)) - np.searchsorted(query, query) < 2 * count
        query, row = self._rows_of(query[few], group[few])
        bounds = self._filter.bounds(self._lines, query, row)
        if bounds is not None:
            kept = bounds >= self._kth(query, bounds, count)[query]
            query, row = query[kept], row[kept]
        narrow = narrow_scores(self._rows, self._queries, query, row)
        return self._kth(query, narrow) - self._error

    def _kth(
        self, query: NDArray[np.int64], values: NDArray[np.float32], k: int | None = None
    ) -> NDArray[np.float64]:
        """The k-th largest of each query's values, the lowest number where there are fewer."""
        k = k or self._k
        found = np.full(len(self._these), LEAST, np.float64)
        for line, first, last in runs(query, max(1, len(query))):
            if last - first >= k:
                found[line] = np.partition(values[first:last], last - first - k)[last - first - k]
        return found

    def _rows_of(self, query: NDArray[np.int64], group: NDArray[np.int64]) -> Pairs:
        """The rows of groups that are not left out of their query, in the same order."""
        first = self._filter.starts[group]
        counts = self._filter.starts[group + 1] - first
        query, row = np.repeat(query, counts), ranges(first, counts)
        kept = np.ones(len(row), np.bool_)
        if self._lacking is not None:
            kept &= ~self._lacking[row]
        if len(self._excluded.row):
            n = self._filter.starts[-1]
            kept &= ~np.isin(query * n + row, self._excluded.query * n + self._excluded.row)
        return (query, row) if kept.all() else (query[kept], row[kept])


def _kept_room(name: str, shape: tuple[int, int], dtype: type[np.generic]) -> NDArray[Any]:
    """Room that the thread's next scan takes again: fresh memory costs as much as a tenth of a scan.

    A thread keeps what its largest scan took, BLOCK_QUERIES maxima of MOST_GROUPS groups: 256 MB at most.
    """
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    room: NDArray[np.uint8] | None = getattr(_kept, name, None)
    if room is None or len(room) < size:
        room = np.empty(size, np.uint8)
        setattr(_kept, name, room)
    return room[:size].view(dtype).reshape(shape)


def _round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The next float32 below, and never below the lowest, so that comparing in float32 keeps no less."""
    lower: NDArray[np.float32] = np.nextafter(np.maximum(values, LEAST).astype(np.float32), LEAST)
    return lower


def _shares(counts: NDArray[np.int64], most: int) -> Iterator[slice]:
    """Runs of lines whose counts add up to no more than `most`, or of one line."""
    first, total = 0, 0
    for line, count in enumerate(counts.tolist()):
        if line > first and total + count > most:
            yield slice(first, line)
            first, total = line, 0
        total += count
    yield slice(first, len(counts))
