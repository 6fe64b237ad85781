"""Gather small files of every table, and remove what no reader needs any more."""

from __future__ import annotations

from rich.console import Console

from echoprime.errors import TableError
from echoprime.storage import Location
from echoprime.tables import StudyTable, table_exists
from pipelines.exit_codes import DONE

DAYS = 7
"""Files that a version of so many days ago needed are kept: a reader that opened it may still read."""


def output_tables(output: Location) -> dict[str, Location]:
    """The tables below an output: "encodings", and "interpretations/NAME" for each name.

    Raises
    ------
    TableError
        There is none.
    """
    places = {"encodings": output / "encodings"}
    places |= {
        f"interpretations/{name}": output / "interpretations" / name
        for name in (output / "interpretations").names()
    }
    found = {name: place for name, place in places.items() if table_exists(place)}
    if not found:
        raise TableError(f"{output}: no table there; give the --output of a run")
    return found


def compact_tables(output: str) -> int:
    """Compact, then vacuum, every table of an output."""
    console = Console(highlight=False, soft_wrap=True)
    for name, place in output_tables(Location.parse(output)).items():
        table = StudyTable.existing(place)
        before = table.file_count
        table.compact()
        removed = table.vacuum(days=DAYS)
        console.print(
            f"{name}: {before} files are now {table.file_count}; {removed} older than {DAYS} days removed"
        )
    return DONE
