"""The page of one run: what came out, how long each part took, what bounded it, what it ran with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from echoprime.pages.page import number, render_page
from echoprime.tables import RunRecord
from echoprime.tables.stage_use import PHASES, stage_uses, what_bounded

ENDS = {
    None: "running, or killed",
    0: "done",
    1: "crashed",
    2: "refused: a mistake in what was asked",
    3: "incomplete: run it again",
    130: "interrupted",
}
"""Exit codes in words."""


def run_page(run: RunRecord) -> str:
    """Write the page of one run.

    Parameters
    ----------
    run
        Its record.

    Returns
    -------
    HTML, one file. Settings stand on it in full, places too.
    """
    outcomes = [
        (*name.partition(":")[::2], count)
        for name, count in run.counts.items()
        if name.partition(":")[0] in {"encoded", "skipped", "failed"}
    ]
    others = {name: count for name, count in run.counts.items() if not _is_outcome(name)}
    pools = stage_uses(run.pools, run.seconds, run.wall)
    return render_page(
        "run.html.j2",
        title=f"{run.command.capitalize()} run {run.run_id}",
        warnings=_warnings(run),
        facts=_facts(run, others),
        outcomes=[(outcome, reason.replace("_", " "), count) for outcome, reason, count in outcomes],
        videos=sum(count for _, _, count in outcomes),
        bounded=_bounded(run),
        leakage=f"{run.leakage}." if run.leakage else "",
        wall=[(PHASES.get(name, name), seconds) for name, seconds in run.wall.items()],
        pools=pools,
        gpus=any(pool.gpus for pool in pools),
        stages=[(stage, seconds) for stage, seconds in run.seconds.items() if stage not in run.wall],
        settings=[(name, _said(value)) for name, value in run.settings.items()],
        versions=list(run.versions.items()),
    )


def _bounded(run: RunRecord) -> str:
    """What bounded a run, as its record says it; records of earlier versions say the numbers alone."""
    said = run.advice or what_bounded(run.pools, run.seconds, run.wall, run.cluster, run.settings).advice
    return f"{said[:1].upper()}{said[1:]}."


def _is_outcome(name: str) -> bool:
    return name.partition(":")[0] in {"encoded", "skipped", "failed"}


def _facts(run: RunRecord, counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("End", ENDS.get(run.exit_code, f"exit code {run.exit_code}")),
        ("Started", f"{_time(run.started_at):%Y-%m-%d %H:%M:%S} UTC"),
    ]
    if run.finished_at is not None:
        seconds = (_time(run.finished_at) - _time(run.started_at)).total_seconds()
        facts.append(("Wall clock", f"{seconds:,.1f} s"))
    facts += [(name.replace("_", " ").capitalize(), f"{count:,}") for name, count in counts.items()]
    if run.clips_per_second is not None:
        facts.append(("Clips a second", number(run.clips_per_second)))
    elif (work := run.wall.get("work")) and (studies := counts.get("studies")):
        facts.append(("Studies a second", number(studies / work)))
    return facts


def _warnings(run: RunRecord) -> list[str]:
    if run.exit_code is None:
        return [
            "No end is recorded: the run goes on, or it was killed. What it had committed is in the table."
        ]
    if run.exit_code == 0:
        return []
    return [f"Ended with exit code {run.exit_code}: {ENDS.get(run.exit_code, 'unknown')}."]


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return (
        "not set"
        if value is None
        else {True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
