"""What is searched: rows of candidates, whatever files and sets they lie in, cut into shards of any size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.filters import FilterName
from echoprime.retrieval.parts import Part
from echoprime.retrieval.search import Shard


@dataclass(frozen=True)
class Origins:
    """Which set each row is of.

    Attributes
    ----------
    names
        Of the sets.
    starts
        First row of each, ascending from 0.

    Examples
    --------
    >>> origins = Origins(("official", "own"), (0, 100))
    >>> origins.of(np.array([99, 100])).tolist(), origins.within(np.array([99, 100])).tolist()
    ([0, 1], [99, 0])
    """

    names: tuple[str, ...]
    starts: tuple[int, ...] = (0,)

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64: place of each row's set in `names`."""
        # an empty set begins where the next one does, which has the row
        found: NDArray[np.int64] = np.searchsorted(np.array(self.starts), rows, side="right") - 1
        return found

    def within(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64: the rows' numbers in their own sets."""
        found: NDArray[np.int64] = rows - np.array(self.starts)[self.of(rows)]
        return found


@dataclass(frozen=True)
class Candidates(ABC):
    """Candidate reports with their embeddings and labels; frozen, and travels to actors by pickle.

    Attributes
    ----------
    rows, dimension
        Its shape.
    largest_norm
        Upper bound of the rows' lengths: the search's margin is proven from it.
    labels
        Names of the label columns.
    embedding_space
        What its embeddings can be compared with.
    """

    rows: int
    dimension: int
    largest_norm: float
    labels: tuple[str, ...]
    embedding_space: str

    def ranges(self, shards: int) -> list[tuple[int, int]]:
        """Rows cut into `shards` runs of nearly equal length, (lo, hi) each; empty where rows run out."""
        cuts = [self.rows * number // shards for number in range(shards + 1)]
        return list(pairwise(cuts))

    def shard(self, lo: int = 0, hi: int | None = None, search_filter: FilterName = "auto") -> Shard:
        """Rows `lo` to `hi` (not with it; None = to the end), memory-mapped; they may span files."""
        hi = self.rows if hi is None else hi
        parts = tuple(self.parts(lo, hi))
        return Shard(parts, lo, hi, self.labels, self.largest_norm, self.dimension, search_filter)

    @abstractmethod
    def parts(self, lo: int = 0, hi: int | None = None) -> Iterator[Part]:
        """Rows `lo` to `hi` (not with it; None = to the end), a pair of files at a time, memory-mapped."""

    @property
    @abstractmethod
    def part_lengths(self) -> tuple[int, ...]:
        """Rows of each pair of files, in order: what `parts` gives of all rows."""

    @property
    @abstractmethod
    def hash(self) -> str | None:
        """BLAKE2b-128 that tells other rows apart; None for a plain folder, whose files nobody has hashed."""

    @property
    @abstractmethod
    def origins(self) -> Origins:
        """Which set each row is of, by the names that evidence has."""
