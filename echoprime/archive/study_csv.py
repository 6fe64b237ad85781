"""What makes a study: a table that the user has."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from csv import Error as CsvError
from csv import reader
from pathlib import Path

import duckdb

from echoprime.archive.sorting import connect, parquet
from echoprime.errors import ArchiveError
from echoprime.storage import Location

HEADER_BYTES = 1 << 20
"""The first line is looked for in so much of a file."""

_KNOWN = ("path", "study_id", "patient_id", "acquired_at")


def require_columns(csv: Location, columns: list[str], wanted: tuple[str, ...]) -> None:
    """Refuse a CSV that lacks a column, in one line that says what was looked for and what is there.

    Raises
    ------
    ArchiveError
        A column is missing.
    """
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise ArchiveError(
            f"{csv}: no column {' or '.join(missing)}; looked for {', '.join(wanted)}, "
            f"found {_named(columns)}; write a header line with these names"
        )


def _named(columns: list[str]) -> str:
    """Columns' names; without a header line these would be values, a patient's perhaps, and are not shown."""
    if all(name.isascii() and name.replace("_", "").replace(" ", "").isalpha() for name in columns):
        return ", ".join(columns[:20])
    return f"{len(columns)} columns whose first line does not look like names"


def fetch_csv(csv: Location, scratch: Path) -> Path:
    """A CSV as a local file; one from a bucket is copied.

    Raises
    ------
    ArchiveError
        It is not there.
    """
    csv.require_reachable("CSV", ArchiveError, must_exist=True)
    if csv.is_local:
        return csv.local_path
    copy = scratch / "studies.csv"
    with csv.open("rb") as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, 8 << 20)
    return copy


def csv_columns(csv: Location, file: Path) -> list[str]:
    """Names of a CSV's columns, in its order: its first line, by commas.

    Raises
    ------
    ArchiveError
        It is no line of names, or names a column twice.
    """
    with file.open("rb") as content:
        first = content.readline(HEADER_BYTES)
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
        names = [name.strip() for name in next(reader([text], strict=True), [])]
    except (UnicodeDecodeError, CsvError) as error:
        raise ArchiveError(
            f"{csv}: cannot be read as a CSV with a header line ({type(error).__name__}); correct the file"
        ) from None
    named = [name or f"unnamed {place}" for place, name in enumerate(names, 1)]
    if len(set(map(str.casefold, named))) < len(named):
        raise ArchiveError(f"{csv}: a column's name stands in its header line twice; rename one of the two")
    return named


def csv_table(file: Path, columns: Sequence[str], options: str = "") -> str:
    """A CSV as a table of a query, every field a text.

    Nothing is guessed: DuckDB's guesses drop what does not fit them, without a word. A line with another
    number of fields, or with a quote that does not end, is an error.

    Parameters
    ----------
    file
        Its first line is passed over.
    columns
        From `csv_columns`.
    options
        More of DuckDB's.

    Examples
    --------
    >>> csv_table(Path("a.csv"), ["study_id"])[:59]
    "read_csv('a.csv', columns = {'study_id': 'VARCHAR'}, header"
    """
    place, *names = (text.replace("'", "''") for text in (str(file), *columns))
    kinds = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return (
        f"read_csv('{place}', columns = {{{kinds}}}, header = true, auto_detect = false, "
        f"delim = ',', quote = '\"', escape = '\"', strict_mode = true{options})"
    )


def unreadable(csv: Location, error: duckdb.Error) -> str:
    """What is wrong with a CSV, without the line that DuckDB quotes: it may be a patient's."""
    # DuckDB's line is a row: a text of several lines is in one
    row = re.search(r"Line: (\d+)", str(error))
    where = f"row {int(row[1]):,}, the header being row 1," if row else "a row"
    return (
        f"{csv}: {where} cannot be read; as many fields as the header line has, commas between them, double "
        "quotes around texts with commas, quotes or line breaks, a quote inside written twice, UTF-8"
    )


def join_csv(csv: Location, archive: Location, scratch: Path, notes: Counter[str]) -> str:
    """Give every listed object the study that a CSV names for it.

    Parameters
    ----------
    csv
        Columns `path` (below the archive, or with the archive's own address before it) and `study_id`;
        `patient_id` and `acquired_at` (ISO 8601) if known.
    archive
        What was listed into `scratch/listed.parquet`.
    scratch
        Gets `joined.parquet`, in the order of the listing.
    notes
        Counts rows without an object and objects without a row.

    Returns
    -------
    str
        The query that reads the joined rows.

    Raises
    ------
    ArchiveError
        The CSV is missing or is not as above, names a path twice, or fits none of the objects.
    """
    file = fetch_csv(csv, scratch)
    connection = connect(scratch)
    try:
        columns = csv_columns(csv, file)
        require_columns(csv, columns, ("path", "study_id"))
        _load(connection, csv, file, archive, columns, scratch / "listed.parquet")
        _require_sound(connection, csv)
        _count(connection, csv, notes)
        joined = scratch / "joined.parquet"
        connection.execute(
            "COPY (SELECT c.study_id, l.path, l.size, l.token, c.patient_id, c.acquired_at, l.study_kind "
            "FROM listed l JOIN named c USING (path)) TO $joined (FORMAT parquet)",
            {"joined": str(joined)},
        )
    finally:
        connection.close()
    return f"SELECT * FROM {parquet(joined)}"


def _load(
    connection: duckdb.DuckDBPyConnection,
    csv: Location,
    file: Path,
    archive: Location,
    columns: list[str],
    listed: Path,
) -> None:
    """Views `listed` and `named`: paths relative to the archive, empty fields as NULL, times as times."""
    picked = [
        f"nullif(trim({name}), '') AS {name}" if name in columns else f"NULL AS {name}" for name in _KNOWN
    ]
    try:
        connection.execute(f"CREATE TABLE raw AS SELECT {', '.join(picked)} FROM {csv_table(file, columns)}")
    except duckdb.Error as error:
        raise ArchiveError(unreadable(csv, error)) from None
    connection.execute(
        "CREATE TABLE named AS SELECT regexp_replace(CASE WHEN starts_with(path, $root) "
        "THEN substr(path, length($root) + 1) ELSE path END, '^(\\./)+', '') AS path, study_id, patient_id, "
        # an offset, where there is one, is part of the text; without one the time is taken for UTC
        "try_cast(acquired_at AS TIMESTAMPTZ) AS acquired_at, "
        "acquired_at IS NOT NULL AND try_cast(acquired_at AS TIMESTAMPTZ) IS NULL AS wrong_time FROM raw",
        {"root": f"{archive}/"},
    )
    connection.execute(f"CREATE VIEW listed AS SELECT * FROM {parquet(listed)}")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _require_sound(connection: duckdb.DuckDBPyConnection, csv: Location) -> None:
    empty = _one(connection, "SELECT count(*) FROM named WHERE path IS NULL OR study_id IS NULL")
    if empty:
        raise ArchiveError(f"{csv}: {empty} rows without path or study_id; fill or remove them")
    twice = _one(
        connection, "SELECT count(*) FROM (SELECT path FROM named GROUP BY path HAVING count(*) > 1)"
    )
    if twice:
        raise ArchiveError(f"{csv}: {twice} paths stand in it more than once; keep one row for each")
    wrong = _one(connection, "SELECT count(*) FROM named WHERE wrong_time")
    if wrong:
        raise ArchiveError(
            f"{csv}: acquired_at of {wrong} rows is no ISO 8601 time; write it like 2024-02-29T13:15:00Z"
        )


def _count(connection: duckdb.DuckDBPyConnection, csv: Location, notes: Counter[str]) -> None:
    rows = _one(connection, "SELECT count(*) FROM named")
    found = _one(connection, "SELECT count(*) FROM named SEMI JOIN listed USING (path)")
    listed = _one(connection, "SELECT count(*) FROM listed")
    if found == 0:
        raise ArchiveError(
            f"{csv}: none of its {rows} paths is among the {listed} listed objects; "
            "paths are relative to the archive, with '/'"
        )
    if rows > found:
        notes["rows of the CSV without an object"] = rows - found
    if listed > found:
        notes["objects without a row in the CSV, left out"] = listed - found
