"""What bounded a run, from its record's numbers."""

from __future__ import annotations

from typing import Any

import pytest

from echoprime.tables.stage_use import stage_uses, what_bounded

CORES = {"cores": 0.25, "gpus": 0.0}
GPU = {"cores": 0.0, "gpus": 0.75}


def pools(encoders: dict[str, float] = CORES, **more: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Two readers, two encoders and the driver; `more` are a stage's shares."""
    sizes = {
        "readers": {"actors": 2, **CORES, "stages": ["read"]},
        "encoders": {"actors": 2, **encoders, "stages": ["encode"]},
        "driver": {"actors": 1, "cores": 0.0, "gpus": 0.0, "stages": ["driver"]},
    }
    return {name: pool | more.get(name, {}) for name, pool in sizes.items()}


@pytest.mark.parametrize(
    ("spent", "encoders", "stage", "cure"),
    [
        ({"read": 190, "encode": 60, "driver": 5}, GPU, "readers", "encoders 30 %; give it more reading"),
        ({"read": 190, "fetch": 150, "encode": 60}, GPU, "readers", "waited for bytes"),
        ({"read": 60, "encode": 195, "driver": 5}, GPU, "encoders", "more of them, or --precision bf16"),
        ({"read": 60, "encode": 195, "driver": 5}, CORES, "encoders", "give it more actors (--encoders)"),
        ({"read": 190, "encode": 195}, CORES, "encoders", "all 4 cores were at work: give it more cores"),
        ({"read": 30, "encode": 40, "driver": 95}, GPU, "driver", "--commit-studies"),
        ({"read": 30, "encode": 40, "driver": 5}, GPU, "", "no stage bounds this run (busy: readers 15 %"),
    ],
)
def test_the_stage_that_bounded_a_run_and_its_cure(
    spent: dict[str, float], encoders: dict[str, float], stage: str, cure: str
) -> None:
    bounded = what_bounded(pools(encoders), spent, {"work": 100.0}, {"cores": 4, "gpus": 1})
    assert bounded.stage == stage
    assert cure in bounded.advice


def test_of_two_that_are_nearly_as_busy_the_later_one_is_waited_for() -> None:
    """Readers that wait for a core seem busy; what follows them has work all the time."""
    bounded = what_bounded(pools(), {"read": 199, "encode": 190}, {"work": 100.0}, {"cores": 16})
    assert bounded.stage == "encoders"


def test_bf16_is_not_advised_to_whom_has_it() -> None:
    spent, wall = {"encode": 195.0}, {"work": 100.0}
    assert "bf16" not in what_bounded(pools(GPU), spent, wall, {}, {"precision": "bf16"}).advice
    assert "bf16" in what_bounded(pools(GPU), spent, wall, {}, {"precision": "float32"}).advice


def test_a_short_run_and_one_without_times_bound_nothing() -> None:
    short = what_bounded(pools(), {"read": 2.0}, {"start": 30.0, "work": 1.0})
    assert (short.stage, "too short" in short.advice) == ("", True)
    assert "not known" in what_bounded({}, {}, {}).advice


def test_of_a_pool_that_grew_shares_are_of_the_actors_that_were_there() -> None:
    """One reader at first, four at the end, two and a half on average."""
    grown = {"actors": 1, "most": 4, "most_actors": 4, "mean_actors": 2.5, "starved": 0.1, "held": 0.0}
    use = stage_uses(pools(readers=grown), {"read": 200.0}, {"work": 100.0})[0]
    assert (use.actors, use.busy, use.starved) == (4, 0.8, 0.1)


def test_shares_add_up_to_no_more_than_the_whole() -> None:
    """Blocked actors may be computing: what their own clocks say is no wait."""
    shares = {"starved": 0.1, "held": 0.2, "blocked": 0.9}
    (readers, *_) = stage_uses(pools(readers=shares), {"read": 100.0}, {"work": 100.0})
    assert (readers.busy, readers.starved) == (0.5, 0.1)
    assert readers.held == pytest.approx(0.4)
    (unknown, *_) = stage_uses(pools(), {"read": 100.0}, {"work": 100.0})
    assert (unknown.starved, unknown.held) == (None, None)
