"""Somebody out of every file below an output that this software writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from echoprime.storage import Location, is_unfinished
from echoprime.tables import StudyTable
from echoprime.withdrawal.candidate_sets import (
    SHAPE,
    half_written_sets,
    is_candidate_set,
    remove_half_written,
    take_out_of_set,
)
from echoprime.withdrawal.neighbours import unname_neighbours
from echoprime.withdrawal.plain_files import take_out
from echoprime.withdrawal.searching import names_somebody
from echoprime.withdrawal.traces import Traces

ROWS = (".parquet", ".csv", ".jsonl")
"""Files that rows are taken out of."""

PAGES = (".html", ".txt", ".png", ".webm")
"""Files that go altogether: `view`, `export` and `compare` make them again."""


@dataclass
class Removed:
    """What went, or would go.

    Attributes
    ----------
    rows
        Table below the output -> rows, superseded ones too.
    neighbours
        Interpretation -> rows of other studies whose evidence named somebody.
    candidates
        Candidate set -> candidates.
    sets
        Candidate sets that a withdrawal before this one was killed in, and that went altogether.
    file_rows
        Other file -> rows.
    files
        Files that went altogether.
    unfinished
        Files that a killed process had not finished.
    old_files
        Files of tables' older versions.
    """

    rows: dict[str, int] = field(default_factory=dict)
    neighbours: dict[str, int] = field(default_factory=dict)
    candidates: dict[str, int] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)
    file_rows: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    unfinished: int = 0
    old_files: int = 0


def withdraw(output: Location, tables: Iterable[str], traces: Traces, *, dry_run: bool = False) -> Removed:
    """Take somebody out of an output. Killed in between, it is done by doing it again.

    Parameters
    ----------
    output
        Folder or prefix.
    tables
        Its tables: "encodings", "interpretations/NAME".
    traces
        Who, from `find_traces`.
    dry_run
        Say what would go; nothing is changed.
    """
    removed = Removed()
    places = sorted(tables)
    _from_other_files(output, places, traces, dry_run, removed)
    # the encodings last: as long as they stand, all other files' names can be found again
    for name in sorted(places, key=lambda name: name == "encodings"):
        table = StudyTable.existing(output / name)
        rows = _rows_of(table, traces) if dry_run else table.erase(traces.studies)
        _note(removed.rows, name, rows)
        if name != "encodings":
            if not dry_run:
                table.drop_superseded()
            _note(removed.neighbours, name, unname_neighbours(table, traces, dry_run=dry_run))
        if not dry_run:
            removed.old_files += table.forget()
    return removed


def _from_other_files(
    output: Location, tables: list[str], traces: Traces, dry_run: bool, removed: Removed
) -> None:
    files = output.files()
    for folder in half_written_sets(files):
        removed.sets.append(folder)
        if not dry_run:
            remove_half_written(output / folder)
        files = [path for path in files if not path.startswith(f"{folder}/")]
    for path in [path for path in files if is_unfinished(path)]:
        removed.unfinished += 1
        files.remove(path)
        if not dry_run:
            (output / path).remove()
    folders = {path.rpartition("/")[0] for path in files if path.endswith(f"/{SHAPE}")}
    sets = sorted(folder for folder in folders if is_candidate_set(files, folder))
    for folder in sets:
        _note(removed.candidates, folder, take_out_of_set(output / folder, traces, dry_run=dry_run))
    within = tuple(f"{name}/" for name in (*tables, *sets))
    for path in files:
        if path.startswith(within) or not path.endswith((*ROWS, *PAGES)):
            continue
        if path.endswith(ROWS):
            _note(removed.file_rows, path, take_out(output / path, traces, dry_run=dry_run))
        elif names_somebody(output, path, traces):
            removed.files.append(path)
            if not dry_run:
                (output / path).remove()


def _rows_of(table: StudyTable, traces: Traces) -> int:
    studies = table.keys()["study_id"]
    wanted = pa.array(sorted(traces.studies), pa.string())
    return int(pc.sum(pc.is_in(studies, wanted)).as_py() or 0)


def _note(counts: dict[str, int], name: str, count: int) -> None:
    if count:
        counts[name] = count
