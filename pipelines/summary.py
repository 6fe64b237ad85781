"""What a person reads after a job: videos by outcome and reason, seconds by stage, where the tables are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from echoprime.storage import Location
from echoprime.tables.stage_use import StageUse, stage_uses
from pipelines.console import console
from pipelines.results import JobResult


def show_encoding(result: JobResult, output: str) -> None:
    """Summary of an encode job."""
    out = console()
    where = Location.parse(output) / "encodings"
    if result.nothing_to_do:
        out.print(f"encode: nothing to do, all {result.studies:,} studies are in {where}")
        for word, count in planned_counts(result).items():
            if word != "done already":
                out.print(f"{count:,} {word}")
        return
    out.print(f"\nEncoded {result.studies:,} studies (run {result.run_id})", style="bold")
    out.print(", ".join(f"{count:,} {word}" for word, count in planned_counts(result).items()))
    out.print(outcome_table(result.outcomes))
    _show_stages(out, result)
    if result.clips_per_second is not None:
        out.print(f"{result.clips_per_second:,.2f} clips a second, from the first clip to the last")
    if result.incomplete:
        out.print(f"{result.incomplete:,} studies are incomplete: run the same command again to take them up")
    out.print(f"table: {where}")


def _show_stages(out: Console, result: JobResult) -> None:
    """Where the seconds went, and what bounded the run."""
    out.print(seconds_table(result.seconds))
    out.print(stages_table(stage_uses(result.pools, result.seconds, result.wall)))
    if result.advice:
        out.print(result.advice)


def planned_counts(result: JobResult) -> dict[str, int]:
    """How the studies stood to the table, in words; what is none is left out.

    Examples
    --------
    >>> planned_counts(JobResult(job="encode", planned={"new": 3, "again": 0, "vanished": None}))
    {'new': 3}
    """
    return studies_said(result.planned)


def studies_said(planned: Mapping[str, int | None]) -> dict[str, int]:
    """The same of such counts alone."""
    words = {
        "new": "new",
        "changed": "changed",
        "again": "incomplete before",
        "done": "done already",
        "returned": "in the archive again, not encoded again",
        "vanished": "no longer in the archive, marked and kept",
        "learnt": "whose patient, time or kind of study is another now, changed without encoding again",
        "not_judged": "not in this listing, not judged: studies of other archives lie in this output",
        "perhaps_replaced": "of these changed perhaps another archive's studies of the same name, replaced "
        "by these: give each archive an --output of its own",
        "withdrawn": "withdrawn from this output, left out",
        "not_found": "of --studies not in the manifest",
    }
    return {words[name]: count for name, count in planned.items() if name in words and count}


def show_interpretation(result: JobResult, output: str, name: str) -> None:
    """Summary of an interpret job."""
    out = console()
    where = Location.parse(output) / "interpretations" / name
    if result.nothing_to_do:
        out.print(f"interpret: nothing to do, {result.studies:,} studies are in {where}")
        _say_left_out(out, result)
        return
    out.print(f"\nInterpreted {result.studies:,} studies (run {result.run_id})", style="bold")
    _show_stages(out, result)
    _say_left_out(out, result)
    out.print(f"table: {where}")


def _say_left_out(out: Console, result: JobResult) -> None:
    if result.candidates_left_out:
        out.print(
            f"{result.candidates_left_out:,} candidates of the same study or patient were left out of the "
            f"neighbours of {result.studies_with_left_out:,} studies"
        )
    if result.leakage is not None and (said := result.leakage.said()):
        out.print(said)
    if result.studies_of_unknown_patient:
        out.print(
            f"{result.studies_of_unknown_patient:,} studies are of an unknown patient: candidates of that "
            "patient, if there are any, were not left out"
        )
    if result.incomplete:
        out.print(f"{result.incomplete:,} incomplete studies were left out; --include-incomplete takes them")
    if result.left_out_kinds:
        out.print(
            f"{sum(result.left_out_kinds.values()):,} studies of other kinds were left out: "
            f"{kinds_said(result.left_out_kinds)}; --study-kinds takes them"
        )
    if result.left_out_interpreted_before:
        out.print(
            f"{result.left_out_interpreted_before:,} of these have a row of the time before their kind was "
            "known: it is kept, and no population study takes it"
        )
    if result.views_given or result.views_not_given:
        out.print(
            f"{result.views_given:,} videos have the view that --views says, {result.views_not_given:,} have "
            "no row there and keep the classifier's"
        )
    _say_calibration(out, result)


def _say_calibration(out: Console, result: JobResult) -> None:
    if result.calibrated_elsewhere:
        out.print(
            "the calibration was fitted to values of another kind, and may not hold for these: "
            + "; ".join(result.calibrated_elsewhere)
        )


def kinds_said(studies: Mapping[str, int]) -> str:
    """How many studies are of which kind, in words.

    Examples
    --------
    >>> kinds_said({"stress": 1200, "other": 3})
    '1,200 stress, 3 other'
    """
    return ", ".join(f"{count:,} {kind}" for kind, count in studies.items())


def outcome_table(outcomes: Mapping[tuple[str, str], int]) -> Table:
    """Videos by outcome and reason, with their total."""
    table = Table("outcome", "reason", box=None, pad_edge=False)
    table.add_column("videos", justify="right")
    for (outcome, reason), videos in sorted(outcomes.items()):
        table.add_row(outcome, reason, f"{videos:,}")
    table.add_row("all", "", f"{sum(outcomes.values()):,}", style="bold")
    return table


def stages_table(uses: Sequence[StageUse]) -> Table:
    """How each stage's actors spent the time in which rows came."""
    table = Table("stage", box=None, pad_edge=False)
    for column in ("actors", "busy", "starved", "held"):
        table.add_column(column, justify="right")
    for use in uses:
        shares = (use.busy, use.starved, use.held)
        table.add_row(
            use.name.replace("_", " "),
            f"{use.actors:,}",
            *("" if share is None else f"{100 * share:.0f} %" for share in shares),
        )
    return table


def seconds_table(seconds: Mapping[str, float]) -> Table:
    """Seconds by stage, summed over its actors."""
    table = Table("stage", box=None, pad_edge=False)
    table.add_column("seconds", justify="right")
    for stage, spent in seconds.items():
        table.add_row(stage, f"{spent:,.1f}")
    return table
