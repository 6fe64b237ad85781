"""How a run's stages spent their time, which of them bounded it, and what would make it faster.

From a run's record alone, so that the summary, the record and the page say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOSTLY = 0.6
"""Share of its time above which a stage is taken for what bounded a run."""

NEAR = 0.1
"""Of stages as busy as this beside the busiest the last one counts: those before it wait for it."""

SATURATED = 0.9
"""Share of the cores' time above which no further actor on them would help."""

SHORT_SECONDS = 10.0
"""Work of less than this says little, where starting took longer."""

PHASES = {
    "start": "starting actors and loading what they need",
    "work": "the work: first row to last",
    "finish": "finishing: last commits, replaced rows removed",
}
"""Phases of a run's wall clock in words."""


@dataclass(frozen=True, kw_only=True)
class StageUse:
    """How one stage spent its time while rows came; shares are of actors x seconds of work, 0..1.

    Attributes
    ----------
    name
        "readers", "encoders", "view_classifiers", "interpreters", "driver".
    actors, cores, gpus
        How many it had, at most where it grew, and what one of them asks of Ray.
    seconds
        Part of the work -> seconds that its actors spent, summed over them.
    busy
        By its own clocks; where actors share cores, waits for a core included. None = not known.
    starved
        Without work, because nothing came to it; None = not known.
    held
        Without work or unable to give it out, because what follows was full; None = not known.
    """

    name: str
    actors: int
    cores: float
    gpus: float
    seconds: Mapping[str, float]
    busy: float | None
    starved: float | None = None
    held: float | None = None

    @property
    def words(self) -> str:
        """Its name in a sentence."""
        return "commits" if self.name == "driver" else self.name.replace("_", " ")


def stage_uses(
    pools: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, float], wall: Mapping[str, float]
) -> list[StageUse]:
    """How each stage of a run spent its time; empty where the record does not say.

    Parameters
    ----------
    pools, seconds, wall
        Of a `RunRecord`.

    Examples
    --------
    >>> pools = {"encoders": {"actors": 2, "cores": 0.25, "gpus": 0.0, "stages": ["encode"]}}
    >>> stage_uses(pools, {"read": 5.0, "encode": 90.0}, {"work": 50.0})[0].busy
    0.9
    """
    work = wall.get("work")
    found = []
    for name, pool in pools.items():
        spent = {stage: seconds.get(stage, 0.0) for stage in pool["stages"]}
        actors = pool.get("mean_actors", pool["actors"])  # of a pool that grew: on average
        had = actors * work if work else 0.0
        # time is taken row by row, so a last row can end a little after the clock was read
        busy = min(1.0, sum(spent.values()) / had) if had else None
        rest = 1.0 - (busy or 0.0)
        starved, held = pool.get("starved"), pool.get("held")
        if starved is not None and held is not None:
            starved = min(starved, rest)
            held = min(held + pool.get("blocked", 0.0), rest - starved)
        found.append(
            StageUse(
                name=name,
                actors=pool.get("most_actors", pool["actors"]),
                cores=pool["cores"],
                gpus=pool["gpus"],
                seconds=spent,
                busy=busy,
                starved=starved,
                held=held,
            )
        )
    return found


def bounding_stage(uses: Sequence[StageUse]) -> StageUse | None:
    """The stage that a run's speed hung on; None where none was busy most of the time.

    Of several that were nearly as busy it is the last in the data's way, for which the others waited.

    Examples
    --------
    >>> pool = {"actors": 1, "cores": 1.0, "gpus": 0.0, "seconds": {}}
    >>> uses = [StageUse(name=n, busy=b, **pool) for n, b in (("readers", 0.97), ("encoders", 0.31))]
    >>> bounding_stage(uses).name
    'readers'
    """
    known = [use for use in uses if use.busy is not None]
    most = max((use.busy or 0.0 for use in known), default=0.0)
    if most < MOSTLY:
        return None
    return next(use for use in reversed(known) if (use.busy or 0.0) >= most - NEAR)


@dataclass(frozen=True)
class Bounded:
    """What bounded a run.

    Attributes
    ----------
    stage
        Name of the stage; "" where none did, the run was too short, or it is not known.
    advice
        One line: what bounded it, how busy the networks were meanwhile, and what to change.
    """

    stage: str
    advice: str


def what_bounded(
    pools: Mapping[str, Mapping[str, Any]],
    seconds: Mapping[str, float],
    wall: Mapping[str, float],
    cluster: Mapping[str, int] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Bounded:
    """What bounded a run and what would make it faster.

    Parameters
    ----------
    pools, seconds, wall, cluster, settings
        Of a `RunRecord`.

    Examples
    --------
    >>> size = {"cores": 1.0, "gpus": 0.0}
    >>> pools = {"readers": {"actors": 2, "stages": ["read"], **size},
    ...          "encoders": {"actors": 1, "stages": ["encode"], **size}}
    >>> spent = {"read": 194.0, "encode": 31.0}
    >>> what_bounded(pools, spent, {"work": 100.0}, {"cores": 8, "gpus": 1}).advice
    'readers bound this run: busy 97 % of the time, encoders 31 %; give it more reading cores (--readers)'
    """
    work = wall.get("work")
    if not work:
        return Bounded("", "what bounded this run is not known: no times were recorded")
    outside = {name: spent for name, spent in wall.items() if name != "work"}
    longest = max(outside, key=outside.__getitem__, default="")
    if longest and outside[longest] > work and work < SHORT_SECONDS:
        return Bounded(
            "",
            f"this run was too short for its speed to mean much: {PHASES.get(longest, longest)} took "
            f"{outside[longest]:,.1f} seconds, the work itself {work:,.1f}",
        )
    uses = stage_uses(pools, seconds, wall)
    bound = bounding_stage(uses)
    if bound is None:
        busy = ", ".join(f"{use.words} {_percent(use.busy)}" for use in uses)
        return Bounded(
            "",
            f"no stage bounds this run (busy: {busy or 'not known'}): rows waited between stages, or there "
            "were too few of them for all actors",
        )
    said = f"{bound.words} bound this run: busy {_percent(bound.busy)} of the time"
    networks = next((use for use in uses if use.name == "encoders"), None)
    if networks is not None and networks is not bound:
        said += f", encoders {_percent(networks.busy)}"
    return Bounded(bound.name, f"{said}; {_cure(bound, uses, seconds, work, cluster or {}, settings or {})}")


def _cure(
    bound: StageUse,
    uses: Sequence[StageUse],
    seconds: Mapping[str, float],
    work: float,
    cluster: Mapping[str, int],
    settings: Mapping[str, Any],
) -> str:
    cores = cluster.get("cores", 0)
    lower = "" if settings.get("precision") == "bf16" else ", or --precision bf16 where they have it"
    # what an actor waits for, bytes of an object or a GPU, takes no core
    computing = sum(sum(use.seconds.values()) for use in uses if not use.gpus) - seconds.get("fetch", 0.0)
    full = bool(cores) and computing >= SATURATED * cores * work
    if bound.name == "driver":
        return "commit more at a time (--commit-studies, --commit-seconds), or to a faster --output"
    if bound.name == "readers":
        if seconds.get("fetch", 0.0) > 0.5 * seconds.get("read", 0.0):
            return "they mostly waited for bytes: read more at once (--readers), or from a nearer archive"
        if full:
            return f"all {cores} cores were at work: give it more of them, or nodes"
        return "give it more reading cores (--readers)"
    if bound.gpus:
        return f"its GPUs were at work: that is what it should hang on; give it more of them{lower}"
    if full or not cores or bound.actors >= cores:
        everything = f"all {cores} cores were at work: " if full else ""
        return f"{everything}give it more cores or a GPU{lower}"
    flag = {"encoders": "--encoders", "view_classifiers": "--view-classifiers"}.get(bound.name)
    return f"give it more actors ({flag})" if flag else "give it more cores"


def _percent(share: float | None) -> str:
    return f"{share or 0.0:.0%}".replace("%", " %")
