"""Samples summed over time: what an idle actor waited for."""

from __future__ import annotations

from typing import Any

from pipelines.watching.ray_data import StageState
from pipelines.watching.stage_clock import StageClock, waits


def state(**more: Any) -> StageState:
    """Two actors with nothing to do and nothing waiting before them."""
    fields: dict[str, Any] = {
        "actors": 2, "pending": 0, "active": 0, "in_flight": 0, "queued": 0,
        "input_done": False, "held": False,
    }  # fmt: skip
    return StageState(**{**fields, **more})


def shares_of(*states: StageState) -> dict[str, float]:
    """Each state lasts a second."""
    seconds = iter(range(100))
    clock = StageClock(lambda: float(next(seconds)))
    clock.begin()
    for each in (*states, state()):
        clock.add({"encoders": each})
    # the first second is before the first sample
    return {name: share * (len(states) + 1) for name, share in clock.shares()["encoders"].items()}


def test_idle_actors_are_starved_where_nothing_waits_and_held_where_something_does() -> None:
    assert shares_of(state()) == {"starved": 1.0, "held": 0.0, "blocked": 0.0}
    assert shares_of(state(queued=3)) == {"starved": 0.0, "held": 1.0, "blocked": 0.0}
    assert shares_of(state(active=1)) == {"starved": 0.5, "held": 0.0, "blocked": 0.0}
    assert shares_of(state(active=1, queued=1)) == {"starved": 0.0, "held": 0.5, "blocked": 0.0}


def test_the_end_of_a_stage_is_no_wait() -> None:
    assert shares_of(state(input_done=True)) == {"starved": 0.0, "held": 0.0, "blocked": 0.0}


def test_actors_with_work_may_be_blocked() -> None:
    assert shares_of(state(active=2, held=True)) == {"starved": 0.0, "held": 0.0, "blocked": 1.0}


def test_times_are_weighted() -> None:
    found = shares_of(state(), state(), state(active=2), state(active=2))
    assert found["starved"] == 2.0


def test_nothing_counts_before_the_beginning_and_a_stage_that_is_gone_has_no_wait() -> None:
    seconds = iter([0.0, 1.0, 3.0, 4.0])
    clock = StageClock(lambda: next(seconds))
    clock.add({"readers": state()})
    assert clock.shares() == {}
    clock.begin()
    clock.add({"readers": state(), "encoders": state()})
    clock.add({"encoders": state(active=2)})
    clock.add({"encoders": state(active=2)})
    # readers: 1 second before the sample and 2 after it of 4; encoders: the 2
    assert clock.shares()["readers"]["starved"] == 0.75
    assert clock.shares()["encoders"]["starved"] == 0.5


def test_every_second_of_an_actor_is_at_one_thing() -> None:
    seconds = iter(range(100))
    clock = StageClock(lambda: float(next(seconds)))
    clock.begin()
    for each in (
        state(active=1),
        state(active=1, held=True),
        state(queued=1),
        state(input_done=True),
        state(),
    ):
        clock.add({"encoders": each})
    assert clock.actor_seconds() == {
        "encoders": {"working": 1.0, "blocked": 1.0, "starved": 2.0, "held": 2.0, "done": 2.0}
    }


def test_shares_of_a_stage_that_grows_are_of_the_actors_that_were_there() -> None:
    seconds = iter(range(100))
    clock = StageClock(lambda: float(next(seconds)))
    clock.begin()
    for each in (state(actors=1), state(actors=1), state(actors=4, active=4), state(actors=4)):
        clock.add({"readers": each})
    # of the 4 seconds the first is before a sample; 1 + 1 + 4 actor-seconds, 2 of them without work
    assert clock.shares({"readers"})["readers"] == {
        "starved": 2 / 6, "held": 0.0, "blocked": 0.0, "mean_actors": 6 / 4, "most_actors": 4,
    }  # fmt: skip
    assert clock.shares()["readers"]["starved"] == 2 / 16


def test_what_is_waited_for_is_one_line() -> None:
    line = waits({"encoders": state(active=1, in_flight=2), "view_classifiers": state(pending=1, queued=4)})
    assert line == (
        "encoders: 1 of 2 actors at work on 2 tasks; "
        "view classifiers: 0 of 2 actors at work, 1 more not started, 4 blocks waiting before them"
    )
    ended = state(actors=0, input_done=True)
    assert waits({"readers": ended, "encoders": state(input_done=True)}) == (
        "readers: done; encoders: 0 of 2 actors at work"
    )
    assert waits({}) == ""
