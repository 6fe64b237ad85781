"""Rows of one or several memory-mapped files as if they were one matrix and one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.retrieval.hits import SECTION_BITS
from echoprime.retrieval.ranges import ranges

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

    def spread(self, count: int) -> NDArray[np.float32]:
        """Embeddings of at most `count` rows spread evenly over all, float32; of at least one row."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64))
        pieces = [part[chosen[of] - start] for part, start, of in self.by_part(chosen)]
        return np.concatenate(pieces)

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
        """Phrases of sections of reports.

        A report names a section in one run of phrases; should it come back to it later, the first run
        counts (method 4: the text is what follows the first header, up to the next [SEP]).

        Parameters
        ----------
        keys
            int64, ascending, each once: row * 32 + section.

        Returns
        -------
        pyarrow.ListArray
            Of type `TEXT`.
        """
        rows, sections = np.divmod(keys, SECTION_BITS)
        pieces = [
            _first_runs(part.table.column("report"), rows[chosen] - start, sections[chosen])
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


def _first_runs(reports: Any, rows: NDArray[np.int64], sections: NDArray[np.int64]) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Of each (row, section), ascending: the first run of the section's phrases in the row's report.

    Only the section numbers of these rows are read, and the phrases that are answered.
    """
    new = np.ones(len(rows), np.bool_)
    new[1:] = rows[1:] != rows[:-1]
    distinct, line = rows[new], np.cumsum(new) - 1
    offsets = reports.offsets.to_numpy()
    flat = reports.values
    begin = offsets[distinct].astype(np.int64)
    counts = offsets[distinct + 1] - begin
    owner = np.repeat(np.arange(len(distinct)), counts)
    place = ranges(begin, counts)
    cell = owner * SECTION_BITS + flat.field("section").to_numpy(zero_copy_only=False)[place]
    asked = np.full(len(distinct) * SECTION_BITS, -1, np.int64)
    asked[line * SECTION_BITS + sections] = np.arange(len(rows))
    answer = asked[cell]
    # A run begins where the phrase before is of another report or section.
    begins = answer >= 0
    begins[1:] &= cell[1:] != cell[:-1]
    run, starts = np.cumsum(begins), np.flatnonzero(begins)
    first = np.zeros(len(rows), np.int64)
    first[answer[starts[::-1]]] = run[starts[::-1]]  # of equal places the last one written stays
    kept = np.flatnonzero((answer >= 0) & (run == first[answer]))
    kept = kept[np.argsort(answer[kept], kind="stable")]
    ends = np.concatenate([[0], np.bincount(answer[kept], minlength=len(rows)).cumsum()])
    phrases = flat.field("phrase").to_numpy(zero_copy_only=False)[place[kept]]
    values = flat.field("value").take(pa.array(place[kept]))
    coded = pa.StructArray.from_arrays([pa.array(phrases), values], fields=list(TEXT.value_type))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), coded)
