"""Somebody withdrawn who is a neighbour in other studies' evidence: the name goes, the numbers stay."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from echoprime.tables import StudyTable, newest_rows
from echoprime.tables.files import read_rows
from echoprime.withdrawal.traces import Traces

NAMELESS = "withdrawn"
"""Stands for the name of a candidate that was withdrawn."""


def unname_neighbours(table: StudyTable, traces: Traces, *, dry_run: bool = False) -> int:
    """Take the names of withdrawn candidates out of the evidence of other studies.

    Parameters
    ----------
    table
        An interpretation, without the rows of the withdrawn studies themselves.
    traces
        Who was withdrawn.
    dry_run
        Count alone.

    Returns
    -------
    int
        Rows of other studies that named one.
    """
    changed = 0
    for rows in _naming(table, traces):
        changed += rows.num_rows
        if not dry_run:
            table.append(_without_names(rows, traces))
    if changed and not dry_run:
        table.drop_superseded()
    return changed


def _naming(table: StudyTable, traces: Traces) -> Iterator[pa.Table]:
    """The other studies' rows that have a withdrawn neighbour. All are found before the first is written."""
    found = []
    studies = pa.array(sorted(traces.studies), pa.string())
    for batch in table.newest_batches(["study_id", "sections"]):
        sections = pc.list_flatten(batch["sections"])
        neighbours = pc.struct_field(sections, "neighbours")
        theirs = pc.is_in(pc.struct_field(pc.list_flatten(neighbours), "candidate"), studies)
        section = pc.list_parent_indices(neighbours).filter(theirs)
        row = pc.unique(pc.list_parent_indices(batch["sections"]).take(section))
        others = batch["study_id"].take(row)
        found += others.filter(pc.invert(pc.is_in(others, studies))).to_pylist()
    if not found:
        return
    keys = newest_rows(table.keys())
    chosen = keys.filter(pc.is_in(keys["study_id"], pa.array(found, pa.string())))
    for rows in read_rows(table.location, chosen, table.schema.names):
        yield rows.select(table.schema.names).cast(table.schema)


def _without_names(rows: pa.Table, traces: Traces) -> pa.Table:
    content = rows.to_pylist()
    for row in content:
        for section in row["sections"]:
            for neighbour in section["neighbours"]:
                if neighbour["candidate"] in traces.studies:
                    neighbour["candidate"] = NAMELESS
    return pa.Table.from_pylist(content, rows.schema)
