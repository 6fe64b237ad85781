"""A cohort's table, as a researcher has it: CSV or Parquet, keyed by study or by patient.

    cohort = read_cohort(connection, Location.parse("cohort.csv"))
    connection.sql("SELECT * FROM cohort")

Columns `study_id`, `patient_id`, `date` (or `acquired_at`) are known by their names, whatever their case; all
others are numbers, categories, or texts that are left out.
"""

from __future__ import annotations

import csv
import glob
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from echoprime.errors import CohortError
from echoprime.population.columns import Column, describe_columns, require_numbers, typed_expression
from echoprime.population.dates import date_expression
from echoprime.population.workspace import ask, count, quoted
from echoprime.storage import Location

STUDY, PATIENT = "study_id", "patient_id"
DATES = ("date", "study_date", "acquired_at")
"""Names of the date column, the first that is there."""

MISSING = ("", "na", "n/a", "nan")
"""What stands for no value, whatever its case. "none" does not: it is a grade of many findings."""

HEADER_BYTES = 1 << 20
UNNAMED = "echoprime column without a name "
"""What spreadsheets leave behind the last column."""


@dataclass(frozen=True)
class Cohort:
    """What table `cohort` holds: key, patient, day, and each number or category by its name.

    Attributes
    ----------
    source
        What messages and pages call the file: its name.
    key
        study_id or patient_id; one row for each.
    rows
        Of the table.
    columns
        Numbers and categories, in the file's order; texts are named, but not in the table.
    date
        Name of the date column; None = there is none.
    has_patient
        Whether the file says whose a study is.
    decimal_comma
        Whether 55,3 is a number in it.
    """

    source: str
    key: str
    rows: int
    columns: tuple[Column, ...]
    date: str | None
    has_patient: bool
    decimal_comma: bool = False

    def column(self, name: str, flag: str) -> Column:
        """The column that a flag names.

        Raises
        ------
        CohortError
            There is none, or it is a text.
        """
        for column in self.columns:
            if column.name.casefold() == name.casefold():
                if column.kind == "text":
                    raise CohortError(
                        f"{flag} {name}: {self.source} has too many different texts there (more than 30, or "
                        "more than half as many as rows); gather them into fewer, or name another column"
                    )
                return column
        there = ", ".join(column.name for column in self.columns if column.kind != "text")
        raise CohortError(f"{flag} {name}: {self.source} has no such column; it has {there or 'none'}")


def read_cohort(
    connection: duckdb.DuckDBPyConnection,
    place: Location,
    *,
    key: str | None = None,
    date_format: str | None = None,
    ignore: Sequence[str] = (),
    dated: bool = True,
) -> Cohort:
    """Read a cohort into table `cohort`.

    Parameters
    ----------
    connection
        From `workspace`.
    place
        CSV (comma, semicolon or tab; UTF-8; with semicolons 55,3 is a number) or Parquet, by its name's end.
    key
        study_id or patient_id; without it study_id where there is one.
    date_format
        See `date_expression`.
    ignore
        Columns that are not looked at.
    dated
        Whether dates are looked at; without them their columns may hold anything.

    Raises
    ------
    CohortError
        The file, its key, its dates or one of its columns cannot be used.
    """
    source = place.name
    decimal_comma = _load(connection, place)
    names = [row[0] for row in ask(connection, "DESCRIBE raw")]
    roles = _roles(names, source)
    ignored = {name.casefold() for name in ignore}
    unknown = ignored - {name.casefold() for name in names}
    if unknown:
        raise CohortError(f"--ignore {', '.join(sorted(unknown))}: {source} has no such column")
    if not dated:
        ignored |= {roles[name].casefold() for name in DATES if name in roles}
    key = _require_key(connection, roles, key, source)
    date = next(
        (roles[name] for name in DATES if name in roles and roles[name].casefold() not in ignored), None
    )
    taken = {roles.get(STUDY), roles.get(PATIENT), date}
    left = [name for name in names if name not in taken and name.casefold() not in ignored]
    columns = describe_columns(connection, left, source, decimal_comma)
    for column in columns:
        if column.name.casefold() == "age" and column.kind != "number":
            require_numbers(connection, column.name, source, decimal_comma, "write years as a number")
    _make_table(connection, columns, roles, key, date, source, date_format, decimal_comma)
    rows = count(connection, "SELECT count(*) FROM cohort")
    return Cohort(source, key, rows, tuple(columns), date, PATIENT in roles, decimal_comma)


def _make_table(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    roles: dict[str, str],
    key: str,
    date: str | None,
    source: str,
    date_format: str | None,
    decimal_comma: bool,
) -> None:
    patient = quoted(roles[PATIENT]) if PATIENT in roles else "NULL::VARCHAR"
    if date is not None and count(connection, f"SELECT count({quoted(date)}) FROM raw") == 0:
        raise CohortError(f"{source}: column {date!r} is empty in all rows; fill it, or --ignore {date}")
    day = "NULL::TIMESTAMP"
    if date is not None:
        day = date_expression(connection, date, source, date_format)
    picked = [
        f"{quoted(roles[key])} AS cohort_key",
        f"{patient} AS cohort_patient",
        f"({day})::TIMESTAMP AS cohort_day",
        *[
            f"{typed_expression(column, decimal_comma)} AS {quoted(of_cohort(column.name))}"
            for column in columns
            if column.kind != "text"
        ],
    ]
    ask(connection, f"CREATE TABLE cohort AS SELECT {', '.join(picked)} FROM raw")


def of_cohort(name: str) -> str:
    """What a cohort's column is called where it stands beside the tables' own.

    Examples
    --------
    >>> of_cohort("age")
    'cohort: age'
    """
    return f"cohort: {name}"


def _roles(names: Sequence[str], source: str) -> dict[str, str]:
    """Known name -> the file's column of that name."""
    roles: dict[str, str] = {}
    for name in names:
        known = name.strip().casefold().replace(" ", "_")
        if known in (STUDY, PATIENT, *DATES):
            if known in roles:
                raise CohortError(f"{source}: {roles[known]!r} and {name!r} are one name; keep one of them")
            roles[known] = name
    return roles


def _require_key(
    connection: duckdb.DuckDBPyConnection, roles: dict[str, str], key: str | None, source: str
) -> str:
    """The key's name, after every row was found to have one of its own."""
    wanted = [key] if key else [STUDY, PATIENT]
    found = next((name for name in wanted if name in roles), None)
    if found is None:
        raise CohortError(
            f"{source}: no column {' or '.join(wanted)}; found {_columns_said(connection)}; name the column "
            "that says which study or patient a row is of so"
        )
    column = quoted(roles[found])
    empty = count(connection, f"SELECT count(*) FROM raw WHERE {column} IS NULL")
    if empty:
        raise CohortError(f"{source}: {empty:,} rows without {found}; fill it or remove them")
    twice = count(
        connection,
        f"SELECT count(*) FROM (SELECT {column} FROM raw GROUP BY {column} HAVING count(*) > 1)",
    )
    if twice:
        choice = key is None and found == STUDY and PATIENT in roles
        other = ", or join by patient with --key patient_id" if choice else ""
        cure = f"one row for each is needed: keep one{other}"
        raise CohortError(f"{source}: {twice:,} values of {found} stand in more than one row; {cure}")
    return found


def _columns_said(connection: duckdb.DuckDBPyConnection) -> str:
    """Columns' names; without a header line these would be values, a patient's perhaps, and are not shown."""
    names = [row[0] for row in ask(connection, "DESCRIBE raw")]
    if all(re.fullmatch(r"[A-Za-z][A-Za-z _]*", name) for name in names):
        return ", ".join(names[:20])
    return f"{len(names)} columns whose first line does not look like names"


def _load(connection: duckdb.DuckDBPyConnection, place: Location) -> bool:
    """Make table `raw`: all text, trimmed, no value as NULL. Returns whether 55,3 is a number in it."""
    place.require_reachable("cohort", CohortError, must_exist=True)
    if place.is_dir():
        raise CohortError(f"cohort {place}: a folder; give a CSV or Parquet file")
    with _fetched(place) as file:
        delimiter = ","
        parameters = {"file": glob.escape(str(file))}  # DuckDB takes *, ? and [ for patterns
        try:
            if place.name.casefold().endswith((".parquet", ".pq")):
                reading = "read_parquet($file, hive_partitioning = false)"
                names = list(connection.sql(f"SELECT * FROM {reading}", params=parameters).columns)
            else:
                delimiter, names = _header(file, place.name)
                reading = _csv_reading(delimiter, names)
            _make_raw(connection, reading, names, parameters)
        except duckdb.Error as error:
            raise CohortError(_unreadable(place.name, error)) from None
    if count(connection, "SELECT count(*) FROM raw") == 0:
        raise CohortError(f"{place.name}: no rows; give a cohort with at least one")
    return delimiter == ";"


def _csv_reading(delimiter: str, names: Sequence[str]) -> str:
    """SQL that reads a CSV whose columns are known.

    Every field as text: what a column is, is decided over all rows, not over the first ones. Nothing is
    guessed: a guess drops lines that do not fit it, without a word.
    """
    columns = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': 'VARCHAR'" for name in names)
    return (
        f"read_csv($file, columns = {{{columns}}}, auto_detect = false, header = true, "
        f"delim = '{delimiter}', "
        "quote = '\"', escape = '\"', hive_partitioning = false)"
    )


def _make_raw(
    connection: duckdb.DuckDBPyConnection, reading: str, names: Sequence[str], parameters: dict[str, str]
) -> None:
    """Trim every field, and take what stands for no value for none; unnamed columns are passed over."""
    missing = ", ".join(f"'{word}'" for word in MISSING)
    texts = {name: f"trim({quoted(name)}::VARCHAR)" for name in names if not name.startswith(UNNAMED)}
    picked = ", ".join(
        f"CASE WHEN lower({text}) NOT IN ({missing}) THEN {text} END AS {quoted(name.strip())}"
        for name, text in texts.items()
    )
    ask(connection, f"CREATE TABLE raw AS SELECT {picked} FROM {reading}", parameters)


def _unreadable(source: str, error: duckdb.Error) -> str:
    """What is wrong with the file, without the line that DuckDB quotes: it may be a patient's."""
    line = re.search(r"Line: (\d+)", str(error))
    where = f"line {int(line[1]):,}" if line else "it"
    if "utf-8" in str(error).casefold() or "unicode" in str(error).casefold():
        return f"{source}: {where} is not UTF-8; save the file as UTF-8"
    return (
        f"{source}: {where} cannot be read as a table with a header line; correct it or save it as CSV again"
    )


def _header(file: Path, source: str) -> tuple[str, list[str]]:
    """The delimiter that the first line is written with, and its columns' names."""
    with file.open("rb") as content:
        first = content.readline(HEADER_BYTES)
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise CohortError(f"{source}: it is not UTF-8; save the file as UTF-8") from None
    outside = re.sub(r'"[^"]*"', "", text)
    delimiter = next((mark for mark in (",", ";", "\t") if mark in outside), ",")
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        raise CohortError(
            f"{source}: its first line cannot be read as columns' names; save it as CSV (UTF-8) again, with "
            "line ends of Windows or Linux"
        ) from None
    if not any(names) or "\0" in text:
        raise CohortError(f"{source}: no header line; write the columns' names into the first line")
    twice = [name for name, times in Counter(map(str.casefold, filter(None, names))).items() if times > 1]
    if twice:
        raise CohortError(
            f"{source}: {len(twice)} columns' names stand in its header twice; rename one of each"
        )
    return delimiter, [name or f"{UNNAMED}{place}" for place, name in enumerate(names)]


@contextmanager
def _fetched(place: Location) -> Iterator[Path]:
    """The cohort as a local file; one from a bucket is copied."""
    if place.is_local:
        yield place.local_path
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / place.name
        with place.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 8 << 20)
        yield copy
