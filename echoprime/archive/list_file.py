"""A list as a table of a query: CSV, CSV inside gzip, or Parquet; columns by name, ignoring case."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from echoprime.archive.sorting import parquet
from echoprime.archive.study_csv import csv_columns, csv_table, names_said
from echoprime.errors import ArchiveError
from echoprime.storage import Location


@dataclass(frozen=True)
class ListFile:
    """A list that was opened.

    Attributes
    ----------
    place
        Where it lies.
    file
        The same, or its copy, on this machine.
    table
        SQL of all its rows.
    columns
        Name in lower case -> (its name in the list, DuckDB's type).
    """

    place: Location
    file: Path
    table: str
    columns: Mapping[str, tuple[str, str]]

    def require(
        self, names: Iterable[str], cure: str = "rename its columns, or say which is which with --columns"
    ) -> None:
        """Refuse a list that lacks a column.

        Raises
        ------
        ArchiveError
            It names what was looked for, and what is there.
        """
        wanted = list(names)
        missing = [name for name in wanted if name.casefold() not in self.columns]
        if missing:
            there = names_said([name for name, _ in self.columns.values()])
            raise ArchiveError(
                f"{self.place}: no column {' or '.join(missing)}; looked for {', '.join(wanted)}, "
                f"found {there}; {cure}"
            )

    def text(self, name: str | None) -> str:
        """SQL of a column as text without blanks at its ends; empty, and of a column that is not there: NULL.

        Whole numbers have no ".0", and not-a-number is NULL: an integer column with gaps is one of floats
        for many writers.
        """
        if name is None or name.casefold() not in self.columns:
            return "NULL::VARCHAR"
        own, kind = self.columns[name.casefold()]
        quoted = '"' + own.replace('"', '""') + '"'
        text = f"{quoted}::VARCHAR"
        if kind in ("DOUBLE", "FLOAT"):
            whole = f"abs({quoted}) < 1e15 AND {quoted} = trunc({quoted})"
            text = (
                f"CASE WHEN isnan({quoted}) THEN NULL "
                f"WHEN {whole} THEN {quoted}::HUGEINT::VARCHAR ELSE {text} END"
            )
        return f"nullif(trim({text}), '')"


def open_list(connection: duckdb.DuckDBPyConnection, place: Location, scratch: Path) -> ListFile:
    """Open a list; one from a bucket is copied.

    Parameters
    ----------
    connection
        That queries it.
    place
        `.parquet` or `.pq`; everything else is read as CSV, `.gz` inflated.
    scratch
        Folder for the copy.

    Raises
    ------
    ArchiveError
        It is not there, a folder, or not what its name says.
    """
    place.require_reachable("list", ArchiveError, must_exist=True)
    if place.is_dir():
        raise ArchiveError(f"list {place}: a folder; give a CSV or Parquet file")
    file = _fetched(place, scratch)
    if is_parquet(place):
        table = parquet(file)
        try:
            found = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
        except duckdb.Error:
            raise ArchiveError(f"{place}: not a Parquet file; write it again, or give a CSV") from None
        columns = {str(row[0]): str(row[1]) for row in found}
    else:
        names = csv_columns(place, file)
        table = csv_table(file, names)
        columns = dict.fromkeys(names, "VARCHAR")
    folded = {name.strip().casefold(): (name, kind) for name, kind in columns.items()}
    if len(folded) < len(columns):
        raise ArchiveError(f"{place}: names of two columns differ in case alone; rename one of the two")
    return ListFile(place, file, table, folded)


def is_parquet(place: Location) -> bool:
    """Whether a list is Parquet, by its name."""
    return place.name.lower().endswith((".parquet", ".pq"))


def _fetched(place: Location, scratch: Path) -> Path:
    if place.is_local:
        return place.local_path
    copy = scratch / f"list-{len(list(scratch.glob('list-*')))}-{place.name}"
    with place.open("rb") as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, 8 << 20)
    return copy
