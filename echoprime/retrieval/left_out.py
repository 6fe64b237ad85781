"""Rows left out of a search that would have been among its nearest: of the study itself, or its patient.

A row is one of the k best of all rows exactly where fewer than k rows are better, and of those that are, the
k best are at hand: the neighbours, and others that were left out. So a shard keeps those that may be among
the k best by what it has found itself, and a merge those that still are: associative, and exact whatever the
shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Rows left out that would be among a query's k best, ordered by (query, -score, row).

    Attributes
    ----------
    query, rows
        int64 (n,): place of the query, and row of the candidate set.
    scores
        float64 (n,): dot products.
    labels
        float64 (n, labels): as those of the query's neighbours.
    """

    query: NDArray[np.int64]
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    labels: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.query)

    @classmethod
    def none(cls, labels: int) -> LeftOut:
        """No row, and so many labels."""
        empty = np.zeros(0, np.int64)
        return cls(empty, empty, np.zeros(0), np.zeros((0, labels)))

    def counts(self, queries: int) -> NDArray[np.int64]:
        """int64 (queries,): how many of each."""
        found: NDArray[np.int64] = np.bincount(self.query, minlength=queries)
        return found

    def equals(self, other: LeftOut) -> bool:
        """Whether every value is the same, to the bit."""
        return all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=name == "labels")
            for name in ("query", "rows", "scores", "labels")
        )


def among_best(
    query: NDArray[np.int64],
    row: NDArray[np.int64],
    scores: NDArray[np.float64],
    found_rows: NDArray[np.int64],
    found_scores: NDArray[np.float64],
    k: int,
) -> NDArray[np.int64]:
    """Which rows left out are among the k best of all, by (query, -score, row).

    Where fewer than k of the others are given, rows below the last of them are dropped: who gives so few asks
    again where that last one is among the k best.

    Parameters
    ----------
    query, row, scores
        (n,): rows left out.
    found_rows, found_scores
        (queries, k or fewer): the best of the others; -1 and -inf where there are fewer.
    k
        How many are wanted.

    Examples
    --------
    >>> found_rows, found_scores = np.array([[4, 2]]), np.array([[0.9, 0.5]])
    >>> rows, scores = np.array([7, 1, 3]), np.array([0.9, 0.5, 0.95])
    >>> among_best(np.zeros(3, int), rows, scores, found_rows, found_scores, 2)
    array([2])
    """
    # all of the others are better than what is below the last: mostly all rows left out, so the rest is small
    near = np.flatnonzero(scores >= found_scores[query, -1])
    order = near[np.lexsort((row[near], -scores[near], query[near]))]
    query, row, scores = query[order], row[order], scores[order]
    before = np.arange(len(query)) - np.searchsorted(query, query)
    better = (found_scores[query] > scores[:, None]) | (
        (found_scores[query] == scores[:, None]) & (found_rows[query] < row[:, None])
    )
    kept: NDArray[np.int64] = order[before + better.sum(axis=1) < k]
    return kept


def merged(
    answers: Sequence[LeftOut], found_rows: NDArray[np.int64], found_scores: NDArray[np.float64]
) -> LeftOut:
    """Several shards' rows left out, among the merged k best of the others."""
    query, rows, scores, labels = (
        np.concatenate([getattr(each, name) for each in answers])
        for name in ("query", "rows", "scores", "labels")
    )
    kept = among_best(query, rows, scores, found_rows, found_scores, found_rows.shape[1])
    return LeftOut(query[kept], rows[kept], scores[kept], labels[kept])
