"""The search's first pass: cheap scores of every row, and how far they may lie from the true ones.

A filter only says which rows may be among a query's nearest; what is answered is scored again in float64
(`echoprime.retrieval.rescoring`). So every filter gives the same answers, to the bit, and differs in time and
memory alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import SettingError
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import errors, runs

FilterName = Literal["auto", "float32", "principal", "int8"]
"""What a user may ask for; see `echoprime.retrieval.search.Shard`."""

SINGLE_ROWS = 8192
"""Of so few rows every score is kept: there are no maxima, and no row is looked at again."""

LEAST_GROUP = 4
"""Rows whose scores become one maximum: more save work in the selection, fewer save rows looked at again."""

MOST_GROUPS = 131_072
"""Maxima of one query at most, half a megabyte."""


GATHERED_AT_ONCE = 4096
"""Rows whose codes are gathered at once."""


class Filter(ABC):
    """Scores (rows, queries) block by block, and their bounds.

    Attributes
    ----------
    starts
        int64 (groups + 1,): first row of each group of neighbouring rows, then the number of rows.
    two_sided
        Whether the slack bounds how far a score may be too high as well, and is so small that nothing better
        is worth looking for.
    scored_first
        Where it does not: of so many times k rows that look best the true scores give the floor.
    scores
        Type of what `product` gives: float32, or codes of it.
    left_out
        The code of -inf.
    """

    two_sided: ClassVar[bool] = True
    scored_first: ClassVar[int] = 2
    scores: ClassVar[type[np.generic]] = np.float32
    left_out: ClassVar[float] = -np.inf
    starts: NDArray[np.int64]

    @abstractmethod
    def project(self, queries: NDArray[np.float32]) -> tuple[Any, NDArray[np.float64]]:
        """What is multiplied with the rows, (queries, width), and each query's slack.

        No row's float64 score is above its filter score plus slack.
        """

    @abstractmethod
    def blocks(self, size: int) -> Iterator[tuple[int, Any]]:
        """First row and content of at most `size` rows at a time; a group never spans two blocks."""

    @abstractmethod
    def product(self, block: Any, lines: Any, out: NDArray[Any]) -> None:  # noqa: ANN401  # arrays, or tensors
        """Write the scores (rows of the block, queries) into `out`, of type `scores`."""

    def maxima(
        self,
        lines: Any,  # noqa: ANN401
        scores: NDArray[Any],
        size: int,
    ) -> NDArray[np.float32]:
        """(groups, queries): the best of `size` neighbouring lines each, the last group with what is left."""
        best: NDArray[np.float32] = folded(np.maximum, scores, size)
        return best

    def bounds(
        self,
        lines: Any,  # noqa: ANN401
        query: NDArray[np.int64],
        row: NDArray[np.int64],
    ) -> NDArray[np.float32] | None:
        """Scores of pairs, ordered by query; None where float32 scores are as cheap."""
        return None


class Float32Filter(Filter):
    """The whole rows in float32, as they lie in the files: no memory, no preparation.

    Parameters
    ----------
    rows
        To search in.
    largest_norm
        No row is longer.
    """

    def __init__(self, rows: Rows, largest_norm: float) -> None:
        self._rows = rows
        self._largest_norm = largest_norm
        self.starts = group_starts([len(part) for part in rows.parts])

    def project(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        return queries, errors(queries, self._largest_norm)

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        return self._rows.blocks(size)

    def product(
        self, block: NDArray[np.float32], lines: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:
        np.matmul(block, lines.T, out=out)


class CodedFilter(Filter):
    """A filter that keeps codes of all rows in memory, multiplied in their place.

    Parameters
    ----------
    codes
        (rows, width), filled by the filter itself.
    """

    def __init__(self, codes: NDArray[Any]) -> None:
        self._codes = codes
        self.starts = group_starts([len(codes)])

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        for first in range(0, len(self._codes), size):
            yield first, self._codes[first : first + size]

    def _gathered(
        self, query: NDArray[np.int64], row: NDArray[np.int64]
    ) -> Iterator[tuple[int, slice, NDArray[Any]]]:
        """(query, places of its next pairs, codes of their rows); the codes last until the next ones."""
        room = np.empty((GATHERED_AT_ONCE, self._codes.shape[1]), self._codes.dtype)
        for line, first, last in runs(query, GATHERED_AT_ONCE):
            # mode="clip" writes without a second copy; the rows are all within.
            codes = np.take(self._codes, row[first:last], axis=0, out=room[: last - first], mode="clip")
            yield line, slice(first, last), codes


def folded(by: np.ufunc, scores: NDArray[Any], size: int) -> NDArray[Any]:
    """Groups of `size` neighbouring lines as one line each, the last with what is left.

    Examples
    --------
    >>> folded(np.maximum, np.array([[1, 2], [3, 0], [5, 6]]), 2).tolist()
    [[3, 2], [5, 6]]
    """
    if size == 1:
        return scores
    whole = len(scores) // size
    best: NDArray[Any] = by.reduce(scores[: whole * size].reshape(whole, size, scores.shape[1]), axis=1)
    if whole * size < len(scores):
        best = np.concatenate([best, by.reduce(scores[whole * size :], axis=0, keepdims=True)])
    return best


def group_size(rows: int) -> int:
    """Rows that become one maximum: a power of two, so that blocks hold whole groups.

    Examples
    --------
    >>> group_size(1_000), group_size(10_000), group_size(1_230_676)
    (1, 4, 16)
    """
    if rows <= SINGLE_ROWS:
        return 1
    size = LEAST_GROUP
    while size * MOST_GROUPS < rows:
        size *= 2
    return size


def group_starts(runs: Sequence[int]) -> NDArray[np.int64]:
    """First row of each group, and the number of rows; no group spans two runs.

    Examples
    --------
    >>> group_starts([6_000, 6_001])[1_498:1_502].tolist(), group_starts([6_000, 6_001])[-3:].tolist()
    ([5992, 5996, 6000, 6004], [11996, 12000, 12001])
    """
    size = group_size(sum(runs))
    edges = np.concatenate([[0], np.cumsum(runs)]).astype(np.int64)
    starts = [np.arange(first, end, size) for first, end in pairwise(edges.tolist())]
    return np.concatenate([*starts, edges[-1:]])


def require_filter(name: str) -> None:
    """Refuse a filter that is none.

    Raises
    ------
    SettingError
        Naming those that are.
    """
    if name not in get_args(FilterName):
        raise SettingError(f"--search-filter {name}: there are {', '.join(get_args(FilterName))}")
