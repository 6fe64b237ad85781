"""One way of writing dates a column: read, or refused in a line that says which ways there are."""

from __future__ import annotations

import duckdb

from echoprime.errors import CohortError
from echoprime.population.workspace import ask, ask_one, quoted, shape_expression

_ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
_DICOM = r"^\d{8}$"
SHAPES_SHOWN = 3


def date_expression(
    connection: duckdb.DuckDBPyConnection, name: str, source: str, date_format: str | None
) -> str:
    """SQL that reads a text column of table `raw` as times in UTC.

    Parameters
    ----------
    connection
        Has table `raw`, all text, missing values NULL.
    name
        The column.
    source
        What messages call the file.
    date_format
        As `strptime` writes it, such as %d.%m.%Y. Without it all are ISO 8601 (2024-02-29, with a time or
        without), or all are DICOM's 20240229.

    Raises
    ------
    CohortError
        A value that is not written so; the message shows digits as 0 and letters as a, never a date.
    """
    column = quoted(name)
    if date_format is not None:
        readings = {"": f"try_strptime({column}, '{date_format.replace(chr(39), chr(39) * 2)}')"}
    else:
        # an offset, where there is one, is part of the text; without one the time is taken for UTC
        iso = f"try_cast({column} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
        readings = {_ISO: iso, _DICOM: f"try_strptime({column}, '%Y%m%d')"}
    for pattern, reading in readings.items():
        written_so = f"CASE WHEN regexp_matches({column}, '{pattern}') THEN {reading} END"
        try:
            wrong = ask_one(
                connection, f"SELECT count(*) FROM raw WHERE {column} IS NOT NULL AND {written_so} IS NULL"
            )
        except duckdb.Error:
            raise CohortError(
                f"--date-format {date_format!r} is no strptime format; write it like %d.%m.%Y"
            ) from None
        if wrong is not None and wrong[0] == 0:
            return written_so
    raise CohortError(_refusal(connection, name, source, date_format))


def _refusal(connection: duckdb.DuckDBPyConnection, name: str, source: str, date_format: str | None) -> str:
    shapes = ask(
        connection,
        f"SELECT {shape_expression(name)} AS shape, count(*) AS rows FROM raw "
        f"WHERE {quoted(name)} IS NOT NULL GROUP BY shape ORDER BY rows DESC, shape",
    )
    shown = ", ".join(f"{shape} in {rows:,} rows" for shape, rows in shapes[:SHAPES_SHOWN])
    more = f" and {len(shapes) - SHAPES_SHOWN} more" if len(shapes) > SHAPES_SHOWN else ""
    if date_format is not None:
        return f"{source}: {name} is not {date_format!r} in every row; it looks like {shown}{more}"
    return (
        f"{source}: {name} looks like {shown}{more}; write every date like 2024-02-29, or name the one "
        "format of all of them, such as --date-format %d.%m.%Y"
    )
