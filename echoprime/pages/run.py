"""The page of one run: what came out, how long each part took, what bounded it, what it ran with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from echoprime.pages.page import number, percent, render_page
from echoprime.tables import RunRecord

ENDS = {
    None: "running, or killed",
    0: "done",
    1: "crashed",
    2: "refused: a mistake in what was asked",
    3: "incomplete: run it again",
    130: "interrupted",
}
"""Exit codes in words."""
MOSTLY = 0.6
"""Share of its time above which a pool is taken for what bounded a run."""


@dataclass(frozen=True, kw_only=True)
class PoolUse:
    """How busy one actor pool was while rows came.

    Attributes
    ----------
    name
        "readers", "encoders", ...
    actors, cores, gpus
        Its size, and what one actor asks of Ray.
    seconds
        Stage -> seconds that its actors spent, summed over them.
    busy
        Their sum over what the actors had: actors x seconds of work, 0..1; None = not known.
    """

    name: str
    actors: int
    cores: float
    gpus: float
    seconds: Mapping[str, float]
    busy: float | None


def pool_use(run: RunRecord) -> list[PoolUse]:
    """How busy each pool of a run was; empty for a record that does not say.

    Examples
    --------
    >>> from echoprime.storage import Location
    >>> run = RunRecord(
    ...     out=Location("/o"), run_id="r", command="encode", settings={}, versions={}, started_at="",
    ...     seconds={"read": 5.0, "encode": 90.0}, wall={"work": 50.0},
    ...     pools={"encoders": {"actors": 2, "cores": 0.25, "gpus": 0.0, "stages": ["encode"]}},
    ... )
    >>> pool_use(run)[0].busy
    0.9
    """
    work = run.wall.get("work")
    found = []
    for name, pool in run.pools.items():
        seconds = {stage: run.seconds.get(stage, 0.0) for stage in pool["stages"]}
        had = pool["actors"] * work if work else 0.0
        found.append(
            PoolUse(
                name=name,
                actors=pool["actors"],
                cores=pool["cores"],
                gpus=pool["gpus"],
                seconds=seconds,
                # time is taken row by row, so a last row can end a little after the clock was read
                busy=min(1.0, sum(seconds.values()) / had) if had else None,
            )
        )
    return found


def what_bounded(run: RunRecord) -> str:
    """One sentence on what a run's speed hung on, from its record alone.

    A pool is named only if it was busy most of the time that rows came; time before the first row and after
    the last is named where it was longer than that.

    Examples
    --------
    >>> from echoprime.storage import Location
    >>> what_bounded(RunRecord(
    ...     out=Location("/o"), run_id="r", command="encode", settings={}, versions={}, started_at=""))
    'Not known: the record has no times.'
    """
    work = run.wall.get("work")
    if not work:
        return "Not known: the record has no times."
    outside = {name: seconds for name, seconds in run.wall.items() if name != "work"}
    longest = max(outside, key=outside.__getitem__, default="")
    if longest and outside[longest] > work:
        return (
            f"{_PHASES.get(longest, longest).capitalize()} took {outside[longest]:,.1f} seconds, the work "
            f"itself {work:,.1f}: this run was too short for its speed to mean much."
        )
    pools = [pool for pool in pool_use(run) if pool.busy is not None]
    busiest = max(pools, key=lambda pool: pool.busy or 0.0, default=None)
    if busiest is None:
        return "Not known: the record has no pools."
    share = percent(busiest.busy, 0)
    if (busiest.busy or 0.0) >= MOSTLY:
        return (
            f"The {busiest.name.replace('_', ' ')}: their {busiest.actors} actors were busy {share} of the "
            "time that rows came. Actors share cores: this is time in the stage, waits for a core included."
        )
    return (
        f"No pool: the busiest, the {busiest.name.replace('_', ' ')}, was busy {share} of the time. Rows "
        "waited for data between stages, for the driver, or for the end of the last study."
    )


_PHASES = {
    "start": "starting actors and loading what they need",
    "work": "the work: first row to last",
    "finish": "finishing: last commits, replaced rows removed",
}


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
    return render_page(
        "run.html.j2",
        title=f"{run.command.capitalize()} run {run.run_id}",
        warnings=_warnings(run),
        facts=_facts(run, others),
        outcomes=[(outcome, reason.replace("_", " "), count) for outcome, reason, count in outcomes],
        videos=sum(count for _, _, count in outcomes),
        bounded=what_bounded(run),
        wall=[(_PHASES.get(name, name), seconds) for name, seconds in run.wall.items()],
        pools=pool_use(run),
        stages=[(stage, seconds) for stage, seconds in run.seconds.items() if stage not in run.wall],
        settings=[(name, _said(value)) for name, value in run.settings.items()],
        versions=list(run.versions.items()),
    )


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
