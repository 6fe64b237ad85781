"""Sentences that no phrase covers, counted without keeping them in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.archive.sorting import parquet

LONGEST = 500
"""Characters of a sentence that are kept."""

ROWS_PER_GROUP = 65_536
"""A writer keeps a note of each row group it has written: few large ones, whatever the number of reports."""

SCHEMA = pa.schema([("section", pa.string()), ("sentence", pa.string())])


def without_numbers(sentence: str) -> str:
    """A sentence with # for its numbers, so that those that differ in them alone are one.

    Examples
    --------
    >>> without_numbers("Seen on 3.4.2024, 12,5 cm.")
    'Seen on #, # cm.'
    """
    return re.sub(r"\d+(?:[.,:/-]\d+)*", "#", sentence)[:LONGEST]


class UnrecognisedSentences:
    """Takes sentences and writes how often each occurs.

    Parameters
    ----------
    scratch
        Folder that is removed afterwards.
    """

    def __init__(self, scratch: Path) -> None:
        self._file = scratch / "unrecognised.parquet"
        self._writer = pq.ParquetWriter(self._file, SCHEMA)
        self._rows: list[tuple[str, str]] = []

    def __enter__(self) -> UnrecognisedSentences:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, sentences: Iterable[tuple[str, str]]) -> int:
        """Take (section, sentence) each; returns how many."""
        before = len(self._rows)
        self._rows += [(section, without_numbers(sentence)) for section, sentence in sentences]
        taken = len(self._rows) - before
        if len(self._rows) >= ROWS_PER_GROUP:
            self._write()
        return taken

    def _write(self) -> None:
        columns = [pa.array([row[place] for row in self._rows], pa.string()) for place in range(2)]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))
        self._rows.clear()

    def write_csv(self, connection: duckdb.DuckDBPyConnection, file: Path) -> None:
        """Columns section, sentence, times; the most frequent first. Ends the taking."""
        self._write()
        self._writer.close()
        connection.execute(
            f"COPY (SELECT section, sentence, count(*) AS times FROM {parquet(self._file)} GROUP BY ALL "
            "ORDER BY times DESC, section, sentence) TO $file (FORMAT csv, HEADER)",
            {"file": str(file)},
        )
