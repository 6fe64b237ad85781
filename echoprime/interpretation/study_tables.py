"""What a user knows of encoded studies: a CSV of reports and one of labels, checked and out of memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from echoprime.archive.sorting import parquet
from echoprime.archive.study_csv import CSV_OPTIONS, csv_columns, fetch_csv, require_columns
from echoprime.bundle.cache import file_sha256
from echoprime.errors import SettingError
from echoprime.storage import Location

# reports hold line breaks inside quotes, which a parallel reader would cut at
OPTIONS = f"{CSV_OPTIONS}, parallel = false, max_line_size = 16777216"
ROWS_PER_GROUP = 8_192


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
    connection: duckdb.DuckDBPyConnection, csv: Location, scratch: Path, kinds: Mapping[str, str]
) -> StudyTable:
    """A CSV of labels: `study_id`, and a column for each phenotype that is known.

    Parameters
    ----------
    connection, csv, scratch
        See `read_report_table`.
    kinds
        Phenotype -> `binary` (labels 0 or 1) or `continuous` (a number); an empty cell = unknown.

    Raises
    ------
    UserError
        As there; or it has no phenotype's column, or a label that is none.
    """
    found = csv_columns(connection, csv, fetch_csv(csv, _folder(scratch, "labels")))
    known = {name: f'try_cast("{name}" AS DOUBLE)' for name in kinds if name in found}
    if not known:
        require_columns(csv, found, ("study_id",))
        raise SettingError(
            f"{csv}: no column of a phenotype; name them like the bundle's: {', '.join(kinds)}"
        )
    texts = {f"text_{name}": f"nullif(trim(\"{name}\"), '')" for name in known}
    table = _read(connection, csv, scratch, "labels", {**known, **texts}, tuple(known))
    for name in known:
        bad = f'text_{name} IS NOT NULL AND ("{name}" IS NULL OR isinf("{name}")'
        bad += f' OR ("{name}" NOT IN (0, 1) AND NOT isnan("{name}")))' if kinds[name] == "binary" else ")"
        wrong = _count(connection, f"SELECT count(*) FROM {table.table} WHERE {bad}")
        if wrong:
            allowed = "0 or 1" if kinds[name] == "binary" else "a number"
            raise SettingError(f"{csv}: {name} of {wrong:,} rows is not {allowed}; leave unknown ones empty")
    return table


def _read(
    connection: duckdb.DuckDBPyConnection,
    csv: Location,
    scratch: Path,
    kind: str,
    expressions: Mapping[str, str],
    columns: tuple[str, ...] | None = None,
) -> StudyTable:
    file = fetch_csv(csv, _folder(scratch, kind))
    found = csv_columns(connection, csv, file)
    columns = tuple(expressions) if columns is None else columns
    require_columns(csv, found, ("study_id", *columns))
    picked = ", ".join(f'{expression} AS "{name}"' for name, expression in expressions.items())
    place = scratch / f"{kind}.parquet"
    try:
        connection.execute(
            f"COPY (SELECT nullif(trim(study_id), '') AS study_id, {picked} "
            f"FROM read_csv($csv, {OPTIONS})) TO $place (FORMAT parquet, ROW_GROUP_SIZE {ROWS_PER_GROUP})",
            {"csv": str(file), "place": str(place)},
        )
    except duckdb.Error as error:
        # not its message: that quotes the line
        raise SettingError(
            f"{csv}: a line of it cannot be read ({type(error).__name__}); commas between, double quotes "
            "around texts, UTF-8"
        ) from None
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


def _folder(scratch: Path, kind: str) -> Path:
    folder = scratch / kind
    folder.mkdir(exist_ok=True)
    return folder


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    # all of it: DuckDB refuses other work while a result is open
    return int(connection.execute(query).fetchall()[0][0])
