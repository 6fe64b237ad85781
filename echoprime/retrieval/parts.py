"""Rows of one or several memory-mapped files as if they were one matrix and one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.retrieval.hits import SECTION_BITS

TEXT = pa.list_(pa.struct([pa.field("phrase", pa.uint16()), pa.field("value", pa.string())]))
"""Phrases of one section of one report."""


@dataclass(frozen=True, eq=False)
class Part:
    """A run of rows of one pair of files, memory-mapped.

    Attributes
    ----------
    first
        Row of the candidate set that the run begins with.
    embeddings
        float32 (rows, 512).
    table
        pyarrow record batch of the same rows: study, patient, label columns, report, sections.
    """

    first: int
    embeddings: NDArray[np.float32]
    table: Any

    def __len__(self) -> int:
        return len(self.embeddings)


class Rows:
    """Parts that follow each other; rows are numbered from 0, the first part's first row.

    Parameters
    ----------
    parts
        In order, without gaps.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        masks = [part.table.column("sections").to_numpy(zero_copy_only=False) for part in parts]
        self.sections: NDArray[np.uint32] = np.concatenate([np.zeros(0, np.uint32), *masks])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """First row and embeddings of at most `size` rows at a time; a block never spans two parts."""
        for part, start in zip(self.parts, self.starts.tolist(), strict=False):
            for first in range(0, len(part), size):
                yield start + first, part.embeddings[first : first + size]

    def by_part(
        self, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.float32], int, NDArray[np.int64]]]:
        """For each part with some of `rows`: its embeddings, its first row, and which of `rows` it has."""
        for part, start, chosen in self._by_part(rows):
            yield part.embeddings, start, chosen

    def column(self, name: str, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401  # pyarrow has no types
        """pyarrow array of the column's values in ascending `rows`."""
        pieces = [
            part.table.column(name).take(pa.array(rows[chosen] - start))
            for part, start, chosen in self._by_part(rows)
        ]
        if not pieces:
            return pa.array([], self.parts[0].table.schema.field(name).type if self.parts else pa.string())
        return pa.concat_arrays(pieces)

    def numbers(self, names: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 (len(rows), len(names)) of the label columns in ascending `rows`; NaN = unknown."""
        values = np.full((len(rows), len(names)), np.nan)
        for column, name in enumerate(names):
            if len(rows):
                found = self.column(f"label_{name}", rows)
                values[:, column] = found.to_numpy(zero_copy_only=False)
        return values

    def places(self, column: str, values: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where a column has one of `values`: rows, and which of the values each has."""
        import pyarrow.compute as pc

        rows, which = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        wanted = pa.array(values, pa.string())
        for part, start in zip(self.parts, self.starts.tolist(), strict=False):
            found = pc.index_in(part.table.column(column), value_set=wanted)
            here = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
            rows.append(here + start)
            which.append(found.take(pa.array(here)).to_numpy().astype(np.int64))
        return np.concatenate(rows), np.concatenate(which)

    def texts(self, keys: NDArray[np.int64]) -> Any:  # noqa: ANN401  # pyarrow has no types
        """Phrases of one section of each report.

        A report names a section in one run of phrases; should it come back to it later, the first run
        counts (method 4: the text is what follows the first header, up to the next [SEP]).

        Parameters
        ----------
        keys
            int64, ascending: row * 32 + section.

        Returns
        -------
        pyarrow.ListArray
            Of type `TEXT`.
        """
        rows, sections = np.divmod(keys, SECTION_BITS)
        pieces = [
            _first_run(part.table.column("report").take(pa.array(rows[chosen] - start)), sections[chosen])
            for part, start, chosen in self._by_part(rows)
        ]
        return pa.concat_arrays(pieces) if pieces else pa.array([], TEXT)

    def _by_part(self, rows: NDArray[np.int64]) -> Iterator[tuple[Part, int, NDArray[np.int64]]]:
        if len(self.parts) == 1:
            if len(rows):
                yield self.parts[0], 0, np.arange(len(rows))
            return
        which = np.searchsorted(self.starts, rows, side="right") - 1
        present = np.flatnonzero(np.bincount(which, minlength=len(self.parts)))
        for number in present.tolist():
            yield self.parts[number], int(self.starts[number]), np.flatnonzero(which == number)


def _first_run(reports: Any, sections: NDArray[np.int64]) -> Any:  # noqa: ANN401  # pyarrow has no types
    counts = reports.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    flat = reports.flatten()
    owner = np.repeat(np.arange(len(reports)), counts)
    section = flat.field("section").to_numpy(zero_copy_only=False).astype(np.int64)
    wanted = section == sections[owner]
    # A run begins where the phrase before is of another report or section.
    begins = wanted.copy()
    begins[1:] &= ~wanted[:-1] | (owner[1:] != owner[:-1])
    run = np.cumsum(begins)
    first = np.full(len(reports), np.iinfo(np.int64).max)
    np.minimum.at(first, owner[begins], run[begins])
    kept = np.flatnonzero(wanted & (run == first[owner]))
    offsets = np.concatenate([[0], np.bincount(owner[kept], minlength=len(reports)).cumsum()])
    chosen = flat.take(pa.array(kept))
    values = pa.StructArray.from_arrays(
        [chosen.field("phrase"), chosen.field("value")], fields=list(TEXT.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
