"""A part of an archive: the studies or patients of a list."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from echoprime.archive.sorting import connect
from echoprime.archive.study_csv import csv_columns, csv_table, fetch_csv, require_columns, unreadable
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
    return _read_ids(csv, "study_id", "study")


def read_patients(csv: Location) -> frozenset[str]:
    """Patients that a CSV names, in its column `patient_id`; see `read_studies`.

    Raises
    ------
    ArchiveError
        It is missing, has no such column, or names no patient.
    """
    return _read_ids(csv, "patient_id", "patient")


def _read_ids(csv: Location, column: str, what: str) -> frozenset[str]:
    with tempfile.TemporaryDirectory(prefix="echoprime-studies-") as folder:
        file = fetch_csv(csv, Path(folder))
        connection = connect(Path(folder))
        try:
            columns = csv_columns(csv, file)
            require_columns(csv, columns, (column,))
            query = f"SELECT DISTINCT {column} FROM {csv_table(file, columns)}"
            rows = connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise ArchiveError(unreadable(csv, error)) from None
        finally:
            connection.close()
    found = frozenset(row[0].strip() for row in rows if row[0] and row[0].strip())
    if not found:
        raise ArchiveError(f"{csv}: names no {what}; fill its column {column}")
    return found
