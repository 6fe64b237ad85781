"""What lies in an output: studies and videos by outcome, the last runs, what another run would do."""

from __future__ import annotations

import sys
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from rich.console import Console
from rich.table import Table

from echoprime.errors import ArchiveError
from echoprime.storage import Location
from echoprime.tables import (
    INCOMPLETE,
    STUDY_KINDS,
    VANISHED,
    VANISHED_INCOMPLETE,
    RunRecord,
    StudyTable,
    Withdrawn,
    interpreted_kinds,
    list_runs,
    newest_rows,
)
from pipelines.compact import output_tables
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import FailuresSettings, OutputSettings
from pipelines.summary import kinds_said, outcome_table
from pipelines.uninterpreted import Uninterpreted, uninterpreted

RUNS_SHOWN = 5


def show_status(settings: OutputSettings) -> int:
    """Print the state of an output.

    Raises
    ------
    TableError
        There is no table.
    """
    place = Location.parse(settings.output)
    out = console()
    tables = output_tables(place)
    if "encodings" in tables:
        _show_encodings(out, StudyTable.existing(tables["encodings"]))
    for name, table in tables.items():
        if name != "encodings":
            _show_interpretation(out, name, StudyTable.existing(table))
    withdrawn = Withdrawn.read(place)
    if withdrawn:
        out.print(
            f"withdrawn: {len(withdrawn.studies):,} studies, {len(withdrawn.patients):,} patients; "
            "no run brings them back"
        )
    runs = list_runs(place)
    _show_runs(out, runs)
    if "encodings" in tables:
        _show_left_to_do(out, tables, runs)
    return DONE


def show_failures(settings: FailuresSettings) -> int:
    """Print every video that was not encoded, from the newest row of its study.

    Raises
    ------
    TableError
        There is no encodings table.
    """
    table = StudyTable.existing(Location.parse(settings.output) / "encodings")
    rows = not_encoded(table).sort_by([("study_id", "ascending"), ("path", "ascending")])
    if settings.csv:
        pyarrow.csv.write_csv(rows, sys.stdout.buffer)
        return DONE
    out = console()
    if not rows.num_rows:
        out.print("every video was encoded")
        return DONE
    shown = Table(*rows.column_names, box=None, pad_edge=False)
    for row in rows.to_pylist():
        shown.add_row(*(row[name] for name in rows.column_names))
    out.print(shown)
    return DONE


def not_encoded(table: StudyTable) -> pa.Table:
    """Videos of the newest rows of an encodings table that were not encoded.

    Returns
    -------
    pyarrow.Table
        study_id, path, outcome, reason and message, all strings, in no promised order.
    """
    names = ("path", "outcome", "reason", "message")
    parts = [pa.schema([(name, pa.string()) for name in ("study_id", *names)]).empty_table()]
    for batch in table.newest_batches(["study_id", "videos"]):
        videos = batch["videos"].flatten()
        wanted = pc.not_equal(videos.field("outcome"), "encoded")
        study = batch["study_id"].take(pc.list_parent_indices(batch["videos"]).filter(wanted))
        values = [videos.field(name).filter(wanted) for name in names]
        parts.append(pa.table([study, *values], names=["study_id", *names]))
    return pa.concat_tables(parts)


def outcomes(table: StudyTable) -> Counter[tuple[str, str]]:
    """Videos of the newest rows of an encodings table by outcome and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for batch in table.newest_batches(["videos"]):
        videos = batch["videos"].flatten()
        columns = {name: videos.field(name) for name in ("outcome", "reason")}
        found = pa.table(columns).group_by(list(columns)).aggregate([([], "count_all")]).to_pydict()
        for outcome, reason, count in zip(*(found[n] for n in (*columns, "count_all")), strict=True):
            counts[outcome, reason] += count
    return counts


def _show_encodings(out: Console, table: StudyTable) -> None:
    newest = newest_rows(table.keys())
    status = Counter(newest["status"].to_pylist())
    incomplete = status[INCOMPLETE] + status[VANISHED_INCOMPLETE]
    out.print(f"encodings: {status.total():,} studies, {incomplete:,} of them incomplete")
    gone = status[VANISHED] + status[VANISHED_INCOMPLETE]
    if gone:
        out.print(f"{gone:,} of them are no longer in the archive: marked and kept")
    kinds = Counter(newest["study_kind"].to_pylist())
    if kinds:
        out.print(f"study kinds: {kinds_said({kind: kinds[kind] for kind in STUDY_KINDS if kinds[kind]})}")
    out.print(outcome_table(outcomes(table)))


def _show_interpretation(out: Console, name: str, table: StudyTable) -> None:
    from echoprime.interpretation.leakage import Leakage

    leakage = Leakage.of_table(table)
    out.print(f"{name}: {leakage.studies:,} studies")
    if said := leakage.said():
        out.print(said)


def _show_runs(out: Console, runs: list[RunRecord]) -> None:
    shown = Table(
        "run", "job", "started", "exit", box=None, pad_edge=False, title="last runs", title_justify="left"
    )
    shown.add_column("studies", justify="right")
    for run in runs[-RUNS_SHOWN:]:
        code = "running, or killed" if run.exit_code is None else str(run.exit_code)
        shown.add_row(run.run_id, run.command, run.started_at[:19], code, str(run.counts.get("studies", "")))
    out.print(shown)


def _show_left_to_do(out: Console, tables: dict[str, Location], runs: list[RunRecord]) -> None:
    """Compare the last encode run's manifest with the tables, as another run would."""
    keys = StudyTable.existing(tables["encodings"]).keys()
    newest = newest_rows(keys)
    encode_runs = [run for run in runs if run.command == "encode"]
    if encode_runs:
        encodings = StudyTable.existing(tables["encodings"])
        out.print(f"another encode: {_left_to_encode(encode_runs[-1], encodings, keys)}")
    for name, place in tables.items():
        if name != "encodings":
            left = _left_to_interpret(newest, StudyTable.existing(place))
            said = f"another interpret --name {name.partition('/')[2]}: {len(left.rows):,} studies"
            if left.left_out:
                said += f" (left out by their kind: {kinds_said(left.left_out)})"
            out.print(said)


def _left_to_interpret(encoded: pa.Table, table: StudyTable) -> Uninterpreted:
    """By the choices that the interpretation was made with."""
    return uninterpreted(
        encoded,
        table,
        kinds=interpreted_kinds(table.identity),
        include_incomplete=bool(table.identity.get("include_incomplete")),
    )


def _left_to_encode(run: RunRecord, encodings: StudyTable, keys: pa.Table) -> str:
    from echoprime.archive import KnownStudies, open_manifest, plan_studies, table_files

    known = KnownStudies(keys, table_files(encodings) if run.settings.get("same_files") else None)
    try:
        manifest = open_manifest(Location.parse(str(run.settings["manifest"])))
        planning = plan_studies(manifest, done=known, withdrawn=Withdrawn.read(run.out))
        for _ in planning:
            pass
    except ArchiveError as error:
        return f"unknown ({error})"
    counts = planning.counts
    return (
        f"{counts.new + counts.changed + counts.again:,} studies of the last run's manifest "
        f"({counts.new:,} new, {counts.changed:,} changed, {counts.again:,} incomplete; "
        f"{counts.done + counts.returned:,} done"
        f"; {counts.vanished or 0:,} of the table are no longer in it)"
    )
