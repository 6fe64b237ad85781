"""The driver is killed ten times; the same command goes on each time, and ends in the undisturbed rows."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.killing import SHARD, wait_for
from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import TABLES, Undisturbed

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

EARLY, ENCODING, INTERPRETING = 3, 5, 2
"""Kills before a study comes, while studies are encoded, and after the last of them."""

START_SECONDS = 12.0
"""An early kill comes within so many seconds of the start: settings, manifest, Ray, actors."""

COMMITS = 3
"""A kill in mid-encoding comes after at most so many commits of the run: a commit takes a few studies."""


def test_the_driver(store: Undisturbed, kill_table: FaultTable, moment: random.Random) -> None:
    output, left, stayed = "driver", [], []
    start = time.monotonic()
    for kind in _kinds(moment):
        with store.job(output) as job:
            if kind == "early":
                time.sleep(moment.uniform(0, START_SECONDS))
            elif kind == "encoding":
                store.wait_for_commits(output, job, moment.randint(1, COMMITS))
            else:
                wait_for(SHARD, job)
                time.sleep(moment.uniform(0, 1))
            job.require_running()
            stayed += job.kill()
        left.append(store.left(output))
        if kind == "encoding":
            assert store.left(output, TABLES[0]) > 0, "all studies were encoded when it was killed"
    with store.job(output) as job:
        assert job.wait() == 0, job.said()
    found = store.difference(output)
    kill_table.add(
        "driver", len(left), ", ".join(map(str, left)), found=found, seconds=time.monotonic() - start
    )
    assert min(left) > 0
    assert found == Difference(0, 0, 0)
    assert not stayed, "processes outlived their driver"


def _kinds(moment: random.Random) -> list[str]:
    """Of the kills, in the order in which they come."""
    order = ["early"] * EARLY + ["encoding"] * ENCODING
    moment.shuffle(order)
    return order + ["interpreting"] * INTERPRETING
