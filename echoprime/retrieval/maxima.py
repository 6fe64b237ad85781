"""The best filter scores of groups of rows, and of heaps of groups: which groups are looked at again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.filters import folded
from echoprime.retrieval.ranges import ranges

HEAP = 16
"""Groups whose maxima become one."""

FEW_HEAPS = 40
"""A group that is looked at by way of its heap costs as much as so many that are compared in their order."""

FEW_GROUPS = 16_384
"""Of so few the maxima themselves bound the k-th best: heaps save nothing."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Queries and rows, of the same length."""

LEAST = np.float32(np.finfo(np.float32).min)
"""The lowest threshold: lets every row pass but those left out, whose score is set to -inf."""


@dataclass(frozen=True, eq=False)
class Maxima:
    """Best scores of each query, -inf where all rows are left out.

    Attributes
    ----------
    groups
        float32 (groups, queries).
    heaps
        float32 (heaps, queries): the best of the groups from `starts` on, int64 (heaps + 1,).
    """

    groups: NDArray[np.float32]
    heaps: NDArray[np.float32]
    starts: NDArray[np.int64]

    def reaching(self, least: NDArray[np.floating]) -> Pairs:
        """Queries and groups whose maximum is not below the query's least, by (query, group)."""
        columns = self.groups.shape[1]
        heap, query = np.divmod(np.flatnonzero(self.heaps >= least), columns)
        if len(heap) * HEAP * FEW_HEAPS < self.groups.size:
            counts = np.diff(self.starts)[heap]
            group, query = ranges(self.starts[heap], counts), np.repeat(query, counts)
            kept = self.groups.ravel().take(group * columns + query) >= least[query]
            group, query = group[kept], query[kept]
        else:
            group, query = np.divmod(np.flatnonzero(self.groups >= least), columns)
        # numbers of 16 bits are sorted in a tenth of the time; there are BLOCK_QUERIES of them at most
        order = np.argsort(query.astype(np.uint16), kind="stable")
        return query[order], group[order]

    def lower_bound(self, k: int) -> NDArray[np.float64]:
        """No more than the k-th best of each query's maxima, found without sorting them.

        The heaps, or few groups, are dealt out to about 5k lots; the k-th best of the lots' maxima is the
        score of some group that k - 1 other ones reach. It lies little below the k-th best, for a tenth of
        the time; farther where like rows lie in few heaps, so that more groups are looked at.
        """
        many = len(self.groups) > FEW_GROUPS and len(self.heaps) >= 5 * k
        best = self.heaps if many else self.groups
        lines, columns = best.shape
        if lines < k:
            return np.full(columns, LEAST, np.float64)
        turns = max(1, lines // (5 * k))
        lots = lines // turns
        best = best[: lots * turns].reshape(turns, lots, columns).max(axis=0).T
        bound: NDArray[np.float64] = np.partition(best, lots - k, axis=1)[:, lots - k].astype(np.float64)
        return bound


class Heaps:
    """Collects the maxima of heaps while those of their groups come, block by block.

    Parameters
    ----------
    queries
        How many.
    """

    def __init__(self, queries: int) -> None:
        self._best = [np.empty((0, queries), np.float32)]
        self._starts = [np.zeros(1, np.int64)]
        self._groups = 0

    def add(self, block: NDArray[np.float32]) -> None:
        """The next block's groups, (groups, queries); no heap spans two blocks."""
        self._best.append(folded(np.maximum, block, HEAP))
        ends = np.arange(1, len(self._best[-1]) + 1) * HEAP
        self._starts.append(np.minimum(ends, len(block)) + self._groups)
        self._groups += len(block)

    def maxima(self, groups: NDArray[np.float32]) -> Maxima:
        """Of all groups that came."""
        return Maxima(groups, np.concatenate(self._best), np.concatenate(self._starts))
