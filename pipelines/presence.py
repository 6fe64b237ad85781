"""Whether an encoded study is still in the archive: marked in its row's `status`, and never removed."""

from __future__ import annotations

from dataclasses import asdict

from echoprime.archive import KnownStudies, open_plan
from echoprime.archive.plan import PlanCounts
from echoprime.storage import Location
from echoprime.tables import StudyTable, list_runs
from pipelines.settings import EncodeSettings


def mark_presence(
    table: StudyTable,
    known: KnownStudies,
    counts: PlanCounts,
    output: Location,
    archive: Location,
    settings: EncodeSettings,
) -> dict[str, int | None]:
    """Mark studies that have vanished or are there again; return how all of them stood to the table.

    A study has vanished when the whole archive was listed without it. An output into which several archives
    were encoded is not judged: each of their listings lacks the others' studies.

    Parameters
    ----------
    table
        The encodings.
    known, counts
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
    if counts.vanished and not settings.same_files and _archives(output) - {archive.uri}:
        judged = False
        planned["not_judged"], planned["vanished"] = counts.vanished, None
    table.mark(known.marks(vanished=judged))
    return planned


def _archives(output: Location) -> set[str]:
    """Roots of the archives that were encoded into an output, by the plans of its runs."""
    found = set()
    for run in list_runs(output):
        if run.command == "encode":
            try:
                found.add(open_plan(run.directory / "plan.parquet").root.uri)
            except (OSError, KeyError):
                continue  # killed before its plan was written, or tidied away
    return found
