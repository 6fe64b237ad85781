"""The exact k nearest rows of each query: a filter's cheap scores first, then float32, then float64.

Why several passes: float32 products depend on the shape of the batch and drop exact ties, so they only say
which rows *may* be among the k best; those are scored again by one sum in one fixed order.

1. The filter scores the rows block by block, in an order that spreads over all of them. A row passes whose
   score plus slack is not below its query's floor: a number that k rows' float64 scores reach.
2. The floor rises as rows come: to the k-th largest score minus the slack where the filter is two-sided, else
   to the k-th largest float32 score, minus its error, of the rows that look best by the filter. What passed
   before and is below it now is forgotten.
3. Of what is left float32 scores say more: k rows have one of at least T, so a float64 score of at least
   T - e, and each of the k best a float32 score of at least T - 2e.
4. The rest is scored in float64 and ranked. None of the k best was lost on the way, ties included.

Bounds on scores and slacks are proven where they are computed: `echoprime.retrieval.rescoring`,
`.coordinates`, `.principal`, `.int8`. Where a filter lets so many rows of a query pass that looking at them
costs as much as the whole float32 product, that query gets the whole product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.filters import LEAST, Filter, Float32Filter, round_down
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.passed import Pairs, Passed, best, kth_best, lower_bound
from echoprime.retrieval.rescoring import errors, narrow_scores, rank, rescore

BLOCK_ROWS = 1024
"""Rows multiplied at once: with 512 queries 2 MB of scores, in the caches until they are compared."""

BLOCK_QUERIES = 512
"""Queries multiplied at once: each row that BLAS copies for its kernel is used so often."""

RISE = 4
"""The floor is raised whenever so many times the rows have been seen."""

MOST_PASSING = 1 / 40
"""Share of the rows that may pass a filter: scoring one of them costs as much as 40 in the product."""

FEW_ROWS = 1024
"""So many may pass whatever their share."""

PASSED_AT_ONCE = 1 << 21
"""Pairs of query and row that are kept, some 200 MB; of more the best are ranked before others come."""

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
    # of many neighbours fewer queries are kept at once
    size = min(BLOCK_QUERIES, max(1, PASSED_AT_ONCE // (8 * k)))
    for lo in range(0, len(queries), size):
        these = np.arange(lo, min(lo + size, len(queries)))
        scan = _Scan(first or whole, rows, queries, these, k, largest_norm, excluded, lacking)
        again += scan.into(found_rows, found_scores)
    for lo in range(0, len(again), size):
        these = np.array(again[lo : lo + size])
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
        mine = excluded.of(these, len(queries))
        order = np.argsort(mine.row, kind="stable")
        self._excluded = Excluded(mine.query[order], mine.row[order])
        self._lacking = lacking
        self._lines, self._slack = first.project(self._queries)
        self._error = errors(self._queries, largest_norm)
        # every row may pass in float32: there is nothing cheaper to fall back to
        self._most = len(rows) if first.two_sided else max(4 * k, FEW_ROWS, int(len(rows) * MOST_PASSING))
        self._ranked = np.zeros(len(these), np.int64)
        self._unfit = np.zeros(len(these), np.bool_)
        self._passed = Passed(len(these), first.scores)
        self._floor = np.full(len(these), LEAST, np.float64)
        self._raise(self._floor)
        self._best_rows = np.full((len(these), k), -1, np.int64)
        self._best_scores = np.full((len(these), k), -np.inf)

    def into(self, found_rows: NDArray[np.int64], found_scores: NDArray[np.float64]) -> list[int]:
        """Write the k best of each query into its line; returns the queries of which too many rows pass."""
        seen, due = 0, RISE * BLOCK_ROWS
        for first, block in _spread(self._filter.blocks(BLOCK_ROWS)):
            scores = self._scores(first, block)
            if not seen:
                self._begin(first, scores)
            self._passed.add(first, scores, self._least)
            seen += len(scores)
            if seen >= due or self._passed.count > PASSED_AT_ONCE:
                self._look_again()
                due = RISE * seen
                if self._unfit.all():
                    break
                if self._passed.count > PASSED_AT_ONCE // 2:
                    self._rank()
        self._look_again()
        self._rank()
        found_rows[self._these], found_scores[self._these] = self._best_rows, self._best_scores
        again: list[int] = self._these[self._unfit].tolist()
        return again

    def _scores(self, first: int, block: Any) -> NDArray[Any]:  # noqa: ANN401
        """(rows, queries) of the next block; they last until the next one's."""
        last = first + len(block)
        scores = _kept_room((len(block), len(self._these)), self._filter.scores)
        self._filter.product(block, self._lines, scores)
        here = slice(*np.searchsorted(self._excluded.row, (first, last)))
        scores[self._excluded.row[here] - first, self._excluded.query[here]] = self._filter.left_out
        if self._lacking is not None:
            scores[self._lacking[first:last]] = self._filter.left_out
        return scores

    def _begin(self, first: int, scores: NDArray[Any]) -> None:
        """Find a floor in the first block, of which every row would pass else."""
        few = lower_bound(scores, self._k)
        if few is not None:
            passed = Passed(len(self._these), self._filter.scores)
            passed.add(first, scores, np.maximum(few, self._least))
            self._raise_by(best(passed.keep(self._least), self._k))

    def _look_again(self) -> None:
        """Raise the floor to what the rows that passed have shown, and forget those that are below it."""
        self._raise_by(best(self._passed.keep(self._least), self._k))
        left = self._passed.keep(self._least)
        self._unfit |= self._ranked + np.bincount(left.query, minlength=len(self._these)) > self._most
        if self._unfit.any():
            self._raise(self._floor)
            self._passed.keep(self._least)

    def _raise_by(self, found: Pairs) -> None:
        if self._filter.two_sided:
            reached = self._kth(found.query, found.score) - self._slack
        else:
            narrow = narrow_scores(self._rows, self._queries, found.query, found.row)
            reached = self._kth(found.query, narrow) - self._error
        self._raise(reached)

    def _raise(self, reached: NDArray[np.float64]) -> None:
        """The floor of those queries for which more is reached."""
        self._floor = np.maximum(self._floor, reached)
        self._least = self._filter.least(self._lines, self._floor - self._slack)
        self._least[self._unfit] = self._filter.above_all

    def _rank(self) -> None:
        """Rank what has passed with the k best so far, by float64 scores."""
        passed = self._passed.keep(self._least)
        self._passed.forget()
        query, row = passed.query, passed.row
        self._ranked += np.bincount(query, minlength=len(self._these))
        if not self._filter.two_sided:
            narrow = narrow_scores(self._rows, self._queries, query, row)
            reached = np.maximum(self._floor, self._kth(query, narrow) - self._error)
            kept = narrow >= round_down(reached - self._error)[query]
            query, row = query[kept], row[kept]
        scores = rescore(self._rows, self._queries, query, row)
        line, place = np.nonzero(self._best_rows >= 0)
        query = np.concatenate([line, query])
        row = np.concatenate([self._best_rows[line, place], row])
        scores = np.concatenate([self._best_scores[line, place], scores])
        order = np.lexsort((row, query))
        self._best_rows[:], self._best_scores[:] = -1, -np.inf
        rank(query[order], row[order], scores[order], self._best_rows, self._best_scores)
        self._raise(self._best_scores[:, -1])

    def _kth(self, query: NDArray[np.int64], values: NDArray[Any]) -> NDArray[np.float64]:
        return kth_best(query, values, self._k, len(self._these), float(LEAST))


def _spread(blocks: Sequence[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """All of them, the first ones already from everywhere: like rows often lie together.

    Examples
    --------
    >>> [first for first, _ in _spread([(at, None) for at in range(8)])]
    [0, 5, 2, 7, 4, 1, 6, 3]
    """
    step = max(1, round(len(blocks) * 0.618))
    while gcd(step, len(blocks)) > 1:
        step += 1
    for number in range(len(blocks)):
        yield blocks[number * step % len(blocks)]


def _kept_room(shape: tuple[int, int], dtype: type[np.generic]) -> NDArray[Any]:
    """Room that the thread's next block takes again, 2 MB."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    room: NDArray[np.uint8] | None = getattr(_kept, "room", None)
    if room is None or len(room) < size:
        room = _kept.room = np.empty(size, np.uint8)
    return room[:size].view(dtype).reshape(shape)
