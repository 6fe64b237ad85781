"""A part of an archive: the studies of a list."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from echoprime.archive.sorting import connect
from echoprime.archive.study_csv import CSV_OPTIONS, csv_columns, fetch_csv, require_columns
from echoprime.errors import ArchiveError
from echoprime.storage import Location


def read_studies(csv: Location) -> frozenset[str]:
    """Studies that a CSV names.

    Parameters
    ----------
    csv
        With a column `study_id`; other columns are not read.

    Raises
    ------
    ArchiveError
        It is missing, has no such column, or names no study.
    """
    with tempfile.TemporaryDirectory(prefix="echoprime-studies-") as folder:
        file = fetch_csv(csv, Path(folder))
        connection = connect(Path(folder))
        try:
            require_columns(csv, csv_columns(connection, csv, file), ("study_id",))
            query = f"SELECT DISTINCT study_id FROM read_csv(?, {CSV_OPTIONS})"
            rows = connection.execute(query, [str(file)]).fetchall()
        except duckdb.Error as error:
            # not its message: that quotes the line
            raise ArchiveError(
                f"{csv}: a line of it cannot be read ({type(error).__name__}); one study_id a line"
            ) from None
        finally:
            connection.close()
    studies = frozenset(row[0].strip() for row in rows if row[0] and row[0].strip())
    if not studies:
        raise ArchiveError(f"{csv}: names no study; fill its column study_id")
    return studies
