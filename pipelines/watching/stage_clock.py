"""How long each stage's actors had nothing to do, and why: samples of a scheduler summed over time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from pipelines.watching.ray_data import Sample, StageState

STATES = ("working", "blocked", "starved", "held", "done")
"""What an actor may be at; exactly one of them at any moment."""


@dataclass
class _Seconds:
    """Of one stage, summed over its actors; `actors` is the most that it had at once."""

    actors: int = 0
    working: float = 0.0
    blocked: float = 0.0
    starved: float = 0.0
    held: float = 0.0
    done: float = 0.0

    @property
    def all(self) -> float:
        return self.working + self.blocked + self.starved + self.held + self.done


class StageClock:
    """Sums samples from the moment it is begun; may be fed from one thread and read from another.

    An actor without work is *starved* where nothing waits before its stage, and *held* where something does:
    then Ray Data gives it nothing, because what follows is full. An actor with work whose stage may take or
    give nothing is *blocked*: it computes, or waits for what follows; any other with work is *working*. One
    without work of a stage to which nothing more will come is *done*.

    Parameters
    ----------
    now
        Seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._begun = False
        self._at = 0.0
        self._whole = 0.0
        self._latest: Sample = {}
        self._seconds: dict[str, _Seconds] = {}

    @property
    def latest(self) -> Sample:
        """The last sample; empty before the first."""
        return self._latest

    def begin(self) -> None:
        """Count from now on: before the first row came, all stages but the first had nothing to do."""
        with self._lock:
            if not self._begun:
                self._begun, self._at = True, self._now()

    def add(self, sample: Sample) -> None:
        """Take a sample: the time since the last one was spent as the last one says."""
        with self._lock:
            if self._begun:
                now = self._now()
                for name, state in self._latest.items():
                    _count(self._seconds[name], state, now - self._at)
                self._whole += now - self._at
                self._at = now
            for name, state in sample.items():
                spent = self._seconds.setdefault(name, _Seconds())
                spent.actors = max(spent.actors, state.actors)
            self._latest = sample

    def shares(self, growing: Collection[str] = ()) -> dict[str, dict[str, float]]:
        """Stage -> starved, held and blocked, as shares of its actors' time since the beginning.

        Of a stage that is done the rest is neither. Empty without samples.

        Parameters
        ----------
        growing
            Stages whose number of actors changes. Their shares are of the time that actors were there, and
            `mean_actors` and `most_actors` stand beside them.

        Examples
        --------
        >>> ticks = iter([0.0, 0.0, 4.0])
        >>> clock = StageClock(lambda: next(ticks))
        >>> idle = StageState(actors=2, pending=0, active=0, in_flight=0, queued=0,
        ...                   input_done=False, held=False)
        >>> clock.begin()
        >>> for sample in ({"encoders": idle}, {}):
        ...     clock.add(sample)
        >>> clock.shares()
        {'encoders': {'starved': 1.0, 'held': 0.0, 'blocked': 0.0}}
        """
        with self._lock:
            found = {}
            for name, spent in self._seconds.items():
                whole = spent.all if name in growing else spent.actors * self._whole
                if not whole:
                    continue
                found[name] = {
                    share: getattr(spent, share) / whole for share in ("starved", "held", "blocked")
                }
                if name in growing:
                    found[name] |= {"mean_actors": whole / self._whole, "most_actors": spent.actors}
            return found

    def actor_seconds(self) -> dict[str, dict[str, float]]:
        """Stage -> state -> seconds of its actors in it since the beginning; the states add up to all.

        Examples
        --------
        >>> ticks = iter([0.0, 0.0, 4.0])
        >>> clock = StageClock(lambda: next(ticks))
        >>> one_of_two = StageState(actors=2, pending=0, active=1, in_flight=1, queued=0,
        ...                         input_done=False, held=False)
        >>> clock.begin()
        >>> for sample in ({"encoders": one_of_two}, {}):
        ...     clock.add(sample)
        >>> clock.actor_seconds()
        {'encoders': {'working': 4.0, 'blocked': 0.0, 'starved': 4.0, 'held': 0.0, 'done': 0.0}}
        """
        with self._lock:
            return {
                name: {state: getattr(spent, state) for state in STATES}
                for name, spent in self._seconds.items()
            }


def _count(spent: _Seconds, state: StageState, seconds: float) -> None:
    idle = max(0, state.actors - state.active)
    if state.held:
        spent.blocked += state.active * seconds
    else:
        spent.working += state.active * seconds
    if state.queued:
        spent.held += idle * seconds
    elif state.input_done:
        spent.done += idle * seconds
    else:
        spent.starved += idle * seconds


def waits(sample: Mapping[str, StageState]) -> str:
    """What a job waits for, in one sentence's words: each stage's work in flight and what waits before it.

    Examples
    --------
    >>> waits({"readers": StageState(actors=1, pending=1, active=1, in_flight=2, queued=3,
    ...                              input_done=True, held=False)})
    'readers: 1 of 1 actors at work on 2 tasks, 1 more not started, 3 blocks waiting before them'
    """
    said = []
    for name, state in sample.items():
        if state.input_done and not (state.actors or state.pending or state.in_flight or state.queued):
            said.append(f"{name.replace('_', ' ')}: done")
            continue
        words = f"{name.replace('_', ' ')}: {state.active} of {state.actors} actors at work"
        words += f" on {state.in_flight} tasks" if state.in_flight else ""
        words += f", {state.pending} more not started" if state.pending else ""
        words += f", {state.queued} blocks waiting before them" if state.queued else ""
        said.append(words)
    return "; ".join(said)
