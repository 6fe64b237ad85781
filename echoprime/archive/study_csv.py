"""CSV files as users have them, read strictly: nothing in them is guessed at."""

from __future__ import annotations

import gzip
import re
import shutil
import zlib
from collections.abc import Sequence
from csv import Error as CsvError
from csv import reader
from pathlib import Path

import duckdb

from echoprime.archive.sorting import literal
from echoprime.errors import ArchiveError
from echoprime.storage import Location

HEADER_BYTES = 1 << 20
"""The first line is looked for in so much of a file."""


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
            f"found {names_said(columns)}; write a header line with these names"
        )


def names_said(columns: Sequence[str]) -> str:
    """Columns' names for a message.

    Without a header line these would be values, a patient's perhaps: then they are counted, not shown.

    Examples
    --------
    >>> names_said(["file", "study id"]), names_said(["Smith^John", "1950"])
    ('file, study id', '2 columns whose first line does not look like names')
    """
    if all(re.fullmatch(r"unnamed \d+|[A-Za-z][A-Za-z_ ]*\d?", name) for name in columns):
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
    copy = scratch / f"studies-{csv.name}"  # its ending says whether it is inside gzip
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
    try:
        with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as content:
            first = content.readline(HEADER_BYTES)
        text = first.decode("utf-8-sig").rstrip("\r\n")
        names = [name.strip() for name in next(reader([text], strict=True), [])]
    except (UnicodeDecodeError, CsvError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveError(
            f"{csv}: cannot be read as a CSV with a header line ({type(error).__name__}); save it as "
            "CSV in UTF-8, with commas and a line a row"
        ) from None
    if not names:
        raise ArchiveError(f"{csv}: no header line; write the columns' names into the first line")
    if len(names) == 1 and (other := re.search(r"[;\t|]", names[0])):
        mark = "tabs" if other[0] == "\t" else f"{other[0]!r}"
        raise ArchiveError(f"{csv}: {mark} between its columns; save it with commas, as CSV in UTF-8")
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
    names = (name.replace("'", "''") for name in columns)
    kinds = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    return (
        f"read_csv({literal(file)}, columns = {{{kinds}}}, header = true, auto_detect = false, "
        f"delim = ',', quote = '\"', escape = '\"', strict_mode = true, hive_partitioning = false{options})"
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
