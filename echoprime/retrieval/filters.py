"""The search's first pass: cheap scores of every row, and how far they may lie from the true ones.

A filter only says which rows may be among a query's nearest; what is answered is scored again in float64
(`echoprime.retrieval.rescoring`). So every filter gives the same answers, to the bit, and differs in time and
memory alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import SettingError
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import errors

FilterName = Literal["auto", "float32", "principal", "int8"]
"""What a user may ask for; see `echoprime.retrieval.first_pass`."""

LEAST = np.float32(np.finfo(np.float32).min)
"""The lowest threshold: lets every row pass but those left out."""


class Filter(ABC):
    """Scores of rows and queries, block by block, and their bounds.

    Scores are in units of the filter's own, which order the rows of one query.

    Attributes
    ----------
    two_sided
        Whether they are float32 products of whole rows, and the slack bounds how far one may be too high as
        well: nothing better is worth looking for.
    scores
        Their type.
    left_out, above_all
        The score of a row that is left out, below every threshold; a threshold that no score reaches.
    """

    two_sided: ClassVar[bool] = False
    scores: ClassVar[type[np.generic]] = np.float32
    left_out: ClassVar[float] = -np.inf
    above_all: ClassVar[float] = np.inf

    @abstractmethod
    def project(self, queries: NDArray[np.float32]) -> tuple[Any, NDArray[np.float64]]:
        """What is multiplied with the rows, and each query's slack.

        No row's float64 score is above what its filter score stands for plus slack.
        """

    @abstractmethod
    def blocks(self, size: int) -> Sequence[tuple[int, Any]]:
        """First row and content of at most `size` rows each; together all rows."""

    def product(self, block: Any, lines: Any, out: NDArray[Any]) -> None:  # noqa: ANN401  # arrays, or tensors
        """Write the scores (rows of the block, queries) into `out`, of type `scores`."""
        np.matmul(block, lines.T, out=out)

    def least(self, lines: Any, threshold: NDArray[np.float64]) -> NDArray[Any]:  # noqa: ANN401
        """Of each query the filter score, or a lower one, that stands for `threshold`."""
        return round_down(threshold)


class Float32Filter(Filter):
    """The whole rows in float32, as they lie in the files: no memory, no preparation.

    Parameters
    ----------
    rows
        To search in.
    largest_norm
        No row is longer.
    """

    two_sided = True

    def __init__(self, rows: Rows, largest_norm: float) -> None:
        self._rows = rows
        self._largest_norm = largest_norm

    def project(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        return queries, errors(queries, self._largest_norm)

    def blocks(self, size: int) -> Sequence[tuple[int, NDArray[np.float32]]]:
        return list(self._rows.blocks(size))


class CodedFilter(Filter):
    """A filter that keeps codes of all rows in memory, multiplied in their place.

    Parameters
    ----------
    codes
        (rows, width), filled by the filter itself.
    """

    def __init__(self, codes: NDArray[Any]) -> None:
        self._codes = codes

    @property
    def width(self) -> int:
        """Numbers multiplied for each row."""
        return int(self._codes.shape[1])

    def blocks(self, size: int) -> Sequence[tuple[int, NDArray[Any]]]:
        return [(first, self._codes[first : first + size]) for first in range(0, len(self._codes), size)]


def round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The next float32 below, and never below the lowest, so that comparing in float32 keeps no less."""
    lower: NDArray[np.float32] = np.nextafter(np.maximum(values, LEAST).astype(np.float32), LEAST)
    return lower


def require_filter(name: str) -> None:
    """Refuse a filter that is none.

    Raises
    ------
    SettingError
        Naming those that are.
    """
    if name not in get_args(FilterName):
        raise SettingError(f"--search-filter {name}: there are {', '.join(get_args(FilterName))}")
