"""Pairs of query and row whose scores have reached the query's threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUP = 8
"""Rows whose best score is compared first: few groups are looked at again."""

DENSE = 1 / 64
"""Share of the groups above which looking at them costs more than comparing all scores."""

WIDE = 16
"""Queries with up to so many times k values are looked at together."""

PADDED_AT_ONCE = 1 << 21
"""Numbers that this may take, with their places 25 MB; of more each query is looked at alone."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Arrays of the same length, ordered by query.

    Attributes
    ----------
    query, row
        int64.
    score
        The filter's.
    """

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    score: NDArray[Any]

    def chosen(self, which: NDArray[Any]) -> Pairs:
        """Some of them, by a mask or by places."""
        if which.dtype == np.bool_:
            if which.all():
                return self
            which = np.flatnonzero(which)  # taking places is faster than a mask
        return Pairs(self.query.take(which), self.row.take(which), self.score.take(which))


class Passed:
    """Collects them block by block, and forgets those that no longer pass.

    Parameters
    ----------
    queries
        How many.
    scores
        Type of the scores.
    """

    def __init__(self, queries: int, scores: type[np.generic]) -> None:
        self._queries = queries
        nothing = np.zeros(0, np.int64)
        self._empty = Pairs(nothing, nothing, np.zeros(0, scores))
        self._sorted = self._empty
        self._new: list[Pairs] = []
        self.count = 0

    def add(self, first: int, scores: NDArray[Any], least: NDArray[Any]) -> None:
        """Those of a block's scores (rows, queries) that are not below `least`; `first` is its first row."""
        row, query = _reaching(scores, least)
        if len(row):
            self._new.append(Pairs(query, row + first, scores[row, query]))
            self.count += len(row)

    def keep(self, least: NDArray[Any]) -> Pairs:
        """Those that are not below `least`, ordered by query; the others are forgotten."""
        new = [each.chosen(each.score >= least[each.query]) for each in self._new]
        old = self._sorted
        all_ = [old.chosen(old.score >= least[old.query]), *new]
        query, row, score = (
            np.concatenate([getattr(each, name) for each in all_]) for name in ("query", "row", "score")
        )
        self._sorted, self._new, self.count = Pairs(query, row, score), [], len(query)
        if new:
            # numbers of 16 bits are sorted in a tenth of the time
            by = query.astype(np.uint16) if self._queries <= 1 << 16 else query
            self._sorted = self._sorted.chosen(np.argsort(by, kind="stable"))
        return self._sorted

    def forget(self) -> None:
        """All of them."""
        self._sorted, self._new, self.count = self._empty, [], 0


def best(pairs: Pairs, count: int) -> Pairs:
    """The `count` of each query that score best; of those that score as the last of them the first ones."""
    least = kth_best(pairs.query, pairs.score, count, int(pairs.query.max(initial=-1)) + 1, -np.inf)
    found = pairs.chosen(pairs.score >= least.take(pairs.query))
    last = np.flatnonzero(found.score == least.take(found.query))
    place = np.arange(len(last)) - np.searchsorted(found.query[last], found.query[last])
    kept = np.ones(len(found.query), np.bool_)
    kept[last[place >= count]] = False
    return found.chosen(kept)


def kth_best(
    query: NDArray[np.int64], values: NDArray[Any], k: int, queries: int, fewer: float
) -> NDArray[np.float64]:
    """float64 (queries,): the k-th largest of each query's values, `fewer` where there are fewer.

    Examples
    --------
    >>> kth_best(np.array([0, 0, 0, 2]), np.array([1, 3, 2, 9]), 2, 3, -1).tolist()
    [2.0, -1.0, -1.0]
    """
    found = np.full(queries, fewer, np.float64)
    starts = np.searchsorted(query, np.arange(queries + 1))
    counts = np.diff(starts)
    few = counts <= WIDE * k
    lines = np.flatnonzero(few & (counts >= k))
    width = int(counts[lines].max(initial=0))
    if len(lines) * width > PADDED_AT_ONCE:
        few[:], lines = False, lines[:0]
    if len(lines):
        place = starts[lines, None] + np.arange(width)
        mine = np.arange(width) < counts[lines, None]
        padded = np.where(mine, values.take(place, mode="clip"), values.min())
        found[lines] = np.partition(padded, width - k, axis=1)[:, width - k]
    for line in np.flatnonzero(~few & (counts >= k)).tolist():  # long runs of ties
        run = values[starts[line] : starts[line + 1]]
        found[line] = np.partition(run, len(run) - k)[len(run) - k]
    return found


def lower_bound(scores: NDArray[Any], k: int) -> NDArray[Any] | None:
    """(queries,): no more than the k-th best of each query's scores (rows, queries); None of few rows.

    The rows are dealt out to some 5k lots; the k-th best of the lots' maxima is little below the k-th best of
    all, for a tenth of the time.
    """
    turns = max(1, len(scores) // (5 * k))
    lots = len(scores) // turns
    if lots < k:
        return None
    best = np.maximum.reduce(scores[: lots * turns].reshape(turns, lots, -1), axis=0).T
    found: NDArray[Any] = np.partition(best, lots - k, axis=1)[:, lots - k]
    return found


def _reaching(scores: NDArray[Any], least: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and queries of scores that are not below their query's least."""
    columns = scores.shape[1]
    whole = len(scores) // GROUP * GROUP
    groups = np.maximum.reduce(scores[:whole].reshape(-1, GROUP, columns), axis=1)
    found = np.flatnonzero(groups >= least)
    if whole < len(scores) or len(found) > groups.size * DENSE:
        row, query = np.divmod(np.flatnonzero(scores >= least), columns)
        return row, query
    group, query = np.divmod(found, columns)
    row = (group[:, None] * GROUP + np.arange(GROUP)).ravel()
    query = np.repeat(query, GROUP)
    kept = scores.ravel().take(row * columns + query) >= least.take(query)
    return row[kept], query[kept]
