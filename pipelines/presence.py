"""Whether an encoded study is still in the archive: marked in its row's `status`, and never removed."""

from __future__ import annotations

from dataclasses import asdict

from echoprime.archive import KnownStudies, open_plan
from echoprime.archive.plan import PlanCounts
from echoprime.storage import Location
from echoprime.tables import StudyTable, list_runs
from pipelines.settings import ArchiveChanges


def mark_presence(
    table: StudyTable,
    known: KnownStudies,
    counts: PlanCounts,
    output: Location,
    archive: Location,
    settings: ArchiveChanges,
) -> dict[str, int | None]:
    """Mark studies that have vanished or are there again; return how all of them stood to the table.

    Parameters
    ----------
    table, known, counts, output, archive, settings
        See `judge_presence`.
    """
    planned, judged = judge_presence(table, counts, output, archive, settings)
    table.mark(known.marks(vanished=judged))
    return planned


def judge_presence(
    table: StudyTable,
    counts: PlanCounts,
    output: Location,
    archive: Location,
    settings: ArchiveChanges,
) -> tuple[dict[str, int | None], bool]:
    """How studies stood to the table, and whether those that were not listed are known to be gone.

    A study has vanished when the whole archive was listed without it. An output that holds studies of several
    archives is not judged: each of their listings lacks the others' studies.

    Parameters
    ----------
    table
        The encodings.
    counts
        Of the planning, when its last study was asked for.
    output
        Whose runs say which archives were encoded into it.
    archive
        The one that was listed.
    settings
        With `same_files` a listing of a copy counts as one of the archive.
    """
    planned: dict[str, int | None] = asdict(counts)
    judged = counts.vanished is not None
    if counts.vanished or counts.changed:
        archives = _archives(output, table)
        if not settings.same_files:
            archives.add(archive.uri)
        if len(archives) > 1:
            planned["perhaps_replaced"] = counts.changed
            if counts.vanished:
                judged = False
                planned["not_judged"], planned["vanished"] = counts.vanished, None
    return planned, judged


def _archives(output: Location, table: StudyTable) -> set[str]:
    """Roots of the archives that the table's studies come from, by the plans of the runs that wrote them.

    A run with `same_files` read a copy, unless it is the first: then there was nothing to be a copy of.
    """
    wrote: set[str] = set()
    for batch in table.newest_batches(["run_id"]):
        wrote.update(batch["run_id"].unique().to_pylist())
    found: set[str] = set()
    # by their stamps: names of one second do not sort
    for run in sorted(list_runs(output), key=lambda run: run.started_at):
        if run.run_id in wrote and not (found and run.settings.get("same_files")):
            try:
                found.add(open_plan(run.directory / "plan.parquet").root.uri)
            except (OSError, KeyError):
                continue  # tidied away
    return found
