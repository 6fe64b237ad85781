"""Silence is told once it is long enough, at growing intervals, and not after something came."""

from __future__ import annotations

import time

from pipelines.watching.watchdog import Watchdog


def test_intervals_double_and_start_again() -> None:
    told: list[float] = []
    with Watchdog(0.1, told.append) as watchdog:
        time.sleep(0.9)
        first = len(told)
        watchdog.hear()
        time.sleep(0.35)
    assert 1 <= first <= 4  # at 0.1, 0.2, 0.4, 0.8
    assert all(after >= 0.1 * 2**n for n, after in enumerate(told[:first]))
    assert len(told) > first
    assert told[first] < 0.5


def test_a_job_that_goes_on_is_not_disturbed() -> None:
    told: list[float] = []
    with Watchdog(5.0, told.append) as watchdog:
        for _ in range(10):
            time.sleep(0.01)
            watchdog.hear()
    assert told == []
