"""What a user knows of encoded studies: a CSV of reports and one of labels, checked and out of memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from echoprime.archive.sorting import parquet
from echoprime.archive.study_csv import csv_columns, csv_table, fetch_csv, require_columns, unreadable
from echoprime.bundle import Phenotype
from echoprime.bundle.cache import file_sha256
from echoprime.bundle.phenotypes import LIMITS
from echoprime.errors import SettingError
from echoprime.storage import Location

# reports hold line breaks inside quotes, which a parallel reader would cut at
OPTIONS = ", parallel = false, max_line_size = 16777216"
ROWS_PER_GROUP = 8_192
BLOCK = 1 << 20


@dataclass(frozen=True)
class StudyTable:
    """A checked CSV, one row a study.

    Attributes
    ----------
    table
        What a query reads it as: `study_id` and `columns`.
    columns
        Columns beside `study_id`.
    ignored
        Columns of the file that are none of these.
    rows, sha256
        Of the file.
    """

    table: str
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    rows: int
    sha256: str


def read_report_table(connection: duckdb.DuckDBPyConnection, csv: Location, scratch: Path) -> StudyTable:
    """A CSV of reports: columns `study_id` and `report`.

    Parameters
    ----------
    connection
        From `echoprime.archive.sorting.connect`.
    csv
        The file.
    scratch
        Folder that is removed afterwards.

    Raises
    ------
    UserError
        It is missing, lacks a column, or has a row without a study or a study twice.
    """
    return _read(connection, csv, scratch, "reports", {"report": "nullif(trim(report), '')"})


def read_label_table(
    connection: duckdb.DuckDBPyConnection, csv: Location, scratch: Path, phenotypes: Sequence[Phenotype]
) -> StudyTable:
    """A CSV of labels: `study_id`, and a column for each phenotype that is known.

    Parameters
    ----------
    connection, csv, scratch
        See `read_report_table`.
    phenotypes
        Labels of a `binary` one are 0 or 1, of one in % 0 to 100, in mmHg at least 0; empty = unknown.

    Raises
    ------
    UserError
        As there; or it has no phenotype's column, a label that is none, or shares where % are meant.
    """
    found = csv_columns(csv, fetch_csv(csv, _folder(scratch, "labels")))
    known = {each.name: f'try_cast("{each.name}" AS DOUBLE)' for each in phenotypes if each.name in found}
    if not known:
        require_columns(csv, found, ("study_id",))
        names = ", ".join(each.name for each in phenotypes)
        raise SettingError(f"{csv}: no column of a phenotype; name them like the bundle's: {names}")
    texts = {f"text_{name}": f"nullif(trim(\"{name}\"), '')" for name in known}
    table = _read(connection, csv, scratch, "labels", {**known, **texts}, tuple(known))
    for each in phenotypes:
        if each.name in known:
            _require_labels(connection, csv, table, each)
    return table


def number_in_limits(value: str, unit: str) -> tuple[str, str]:
    """What numbers of a unit there are, in words, and as SQL's condition that a finite `value` is one.

    Examples
    --------
    >>> number_in_limits('"ef"', "%")
    ('a number from 0 to 100', '"ef" BETWEEN 0 AND 100')
    >>> number_in_limits("x", "mmHg"), number_in_limits("x", "")
    (('a number from 0', 'x >= 0'), ('a number', 'true'))
    """
    if unit not in LIMITS:
        return "a number", "true"
    least, largest = LIMITS[unit]
    if math.isinf(largest):
        return f"a number from {least:g}", f"{value} >= {least:g}"
    return f"a number from {least:g} to {largest:g}", f"{value} BETWEEN {least:g} AND {largest:g}"


def _require_labels(
    connection: duckdb.DuckDBPyConnection, csv: Location, table: StudyTable, phenotype: Phenotype
) -> None:
    value = f'"{phenotype.name}"'
    if phenotype.kind == "binary":
        allowed, good = "0 or 1", f"{value} IN (0, 1)"
    else:
        allowed, good = number_in_limits(value, phenotype.unit)
        good = f"{good} AND NOT isinf({value})"
    bad = f"text_{phenotype.name} IS NOT NULL AND ({value} IS NULL OR NOT (isnan({value}) OR {good}))"
    wrong = _count(connection, f"SELECT count(*) FROM {table.table} WHERE {bad}")
    if wrong:
        raise SettingError(
            f"{csv}: {phenotype.name} of {wrong:,} rows is not {allowed}; leave unknown ones empty"
        )
    # NaN is above every number in DuckDB
    highest = f"max({value}) FILTER (NOT isnan({value}))"
    shares = f"SELECT count(*) FROM (SELECT {highest} AS highest FROM {table.table}) WHERE highest <= 1"
    if phenotype.unit == "%" and _count(connection, shares):
        raise SettingError(
            f"{csv}: {phenotype.name} is in %, and no value is above 1; write 55 where 0.55 is meant"
        )


def _read(
    connection: duckdb.DuckDBPyConnection,
    csv: Location,
    scratch: Path,
    kind: str,
    expressions: Mapping[str, str],
    columns: tuple[str, ...] | None = None,
) -> StudyTable:
    file = fetch_csv(csv, _folder(scratch, kind))
    found = csv_columns(csv, file)
    columns = tuple(expressions) if columns is None else columns
    require_columns(csv, found, ("study_id", *columns))
    picked = ", ".join(f'{expression} AS "{name}"' for name, expression in expressions.items())
    place = scratch / f"{kind}.parquet"
    try:
        connection.execute(
            f"COPY (SELECT nullif(trim(study_id), '') AS study_id, {picked} "
            f"FROM {csv_table(file, found, OPTIONS)}) "
            f"TO $place (FORMAT parquet, ROW_GROUP_SIZE {ROWS_PER_GROUP})",
            {"place": str(place)},
        )
    except duckdb.Error as error:
        raise SettingError(unreadable(csv, error)) from None
    _require_closed_quotes(csv, file)
    table = parquet(place)
    unnamed = _count(connection, f"SELECT count(*) FROM {table} WHERE study_id IS NULL")
    if unnamed:
        raise SettingError(f"{csv}: {unnamed:,} rows without study_id; fill or remove them")
    twice = _count(
        connection,
        f"SELECT count(*) FROM (SELECT study_id FROM {table} GROUP BY study_id HAVING count(*) > 1)",
    )
    if twice:
        raise SettingError(f"{csv}: {twice:,} studies stand in it more than once; keep one row for each")
    return StudyTable(
        table=table,
        columns=columns,
        ignored=tuple(name for name in found if name not in {"study_id", *columns}),
        rows=_count(connection, f"SELECT count(*) FROM {table}"),
        sha256=file_sha256(file),
    )


def _require_closed_quotes(csv: Location, file: Path) -> None:
    """DuckDB, not in parallel, drops the rows from a quote without an end to the end of the file."""
    with file.open("rb") as content:
        quotes = sum(block.count(b'"') for block in iter(lambda: content.read(BLOCK), b""))
    if quotes % 2:
        raise SettingError(
            f"{csv}: a double quote has no end; close it, and write a quote inside a text twice"
        )


def _folder(scratch: Path, kind: str) -> Path:
    folder = scratch / kind
    folder.mkdir(exist_ok=True)
    return folder


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    # all of it: DuckDB refuses other work while a result is open
    return int(connection.execute(query).fetchall()[0][0])
