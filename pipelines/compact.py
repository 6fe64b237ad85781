"""Gather small files of every table, and remove what no reader needs any more."""

from __future__ import annotations

from echoprime.errors import TableError
from echoprime.storage import Location
from echoprime.tables import StudyTable, WriterLock, new_run_id, table_exists
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import OutputSettings

DAYS = 7
"""Files that a version of so many days ago needed are kept: a reader that opened it may still read."""


def output_tables(output: Location) -> dict[str, Location]:
    """The tables below an output: "encodings", and "interpretations/NAME" for each name.

    Raises
    ------
    TableError
        There is none, or the place cannot be reached.
    """
    if not output.is_local:
        output.require_reachable("output", TableError)
    places = {"encodings": output / "encodings"}
    places |= {
        f"interpretations/{name}": output / "interpretations" / name
        for name in (output / "interpretations").names()
    }
    found = {name: place for name, place in places.items() if table_exists(place)}
    if not found:
        raise TableError(f"{output}: no table there; give the --output of a run")
    return found


def compact_tables(settings: OutputSettings) -> int:
    """Compact, then vacuum, every table of an output; runs may go on meanwhile, a withdrawal may not.

    Raises
    ------
    TableError
        There is no table, or somebody is being withdrawn: that removes files that are not committed yet.
    """
    out, output = console(), Location.parse(settings.output)
    tables = output_tables(output)
    # forced: a compaction that was killed elsewhere has left nothing that a next one must wait for
    with WriterLock(output, "compaction", new_run_id(), force=True):
        for name, place in tables.items():
            table = StudyTable.existing(place)
            before = table.file_count
            table.drop_superseded()
            table.compact()
            removed = table.vacuum(days=DAYS)
            out.print(
                f"{name}: {before} files are now {table.file_count}; {removed} older than {DAYS} days removed"
            )
    return DONE
