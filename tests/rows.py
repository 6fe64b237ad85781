"""Tables compared row for row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from echoprime.storage import Location
from echoprime.tables import StudyTable, table_exists
from echoprime.tables.files import read_rows

PER_RUN = frozenset({"run_id", "written_at", "encoded_at"})
"""What tells one run from another, and nothing of a study."""


def rows(table: Path | Location, *, leave_out: frozenset[str] = PER_RUN) -> list[dict[str, Any]]:
    """The newest row of every study, sorted, without what differs from run to run."""
    found = StudyTable.existing(Location.parse(table))
    names = [name for name in found.schema.names if name not in leave_out]
    return found.newest(names).to_pylist()


def all_rows(table: Path | Location) -> list[dict[str, Any]]:
    """Every row in the table's files, superseded ones too, without what differs from run to run."""
    found = StudyTable.existing(Location.parse(table))
    names = [name for name in found.schema.names if name not in PER_RUN]
    parts = read_rows(found.location, found.keys(), names)
    return [row for part in parts for row in part.select(names).to_pylist()]


def committed(output: Path | Location) -> int:
    """Studies in an output's encodings; 0 while there is no table."""
    table = Location.parse(output) / "encodings"
    return len(rows(table)) if table_exists(table) else 0
