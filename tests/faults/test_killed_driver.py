"""The driver is killed ten times; the same command goes on each time, and ends in the undisturbed rows."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.job import Job
from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import STUDIES, TABLES, Undisturbed

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

EARLY, ENCODING, INTERPRETING = 3, 5, 2
"""Kills before a study comes, while studies are encoded, and after the last of them."""

START_SECONDS = 20.0
"""An early kill comes within so many seconds of the start: settings, manifest, Ray, actors."""


def test_the_driver(store: Undisturbed, kill_table: FaultTable, moment: random.Random) -> None:
    output, left, stayed = "driver", [], []
    start = time.monotonic()
    targets = sorted(moment.sample(range(1, STUDIES - 8), ENCODING))
    moments = [0] * EARLY + targets
    moment.shuffle(moments)
    highest = 0
    for studies in (*moments, *[STUDIES] * INTERPRETING):
        with store.job(output) as job:
            if studies <= highest:  # that many are there already: at any moment of the start
                time.sleep(moment.uniform(0, START_SECONDS))
            else:
                _wait_for_studies(store, output, job, studies)
                time.sleep(moment.uniform(0, 0.2 if studies < STUDIES else 4))
            job.require_running()
            stayed += job.kill()
        left.append(store.left(output))
        highest = STUDIES - (store.left(output, TABLES[0]))
    with store.job(output) as job:
        assert job.wait() == 0, job.said()
    found = store.difference(output)
    kill_table.add(
        "driver", len(left), ", ".join(map(str, left)), found=found, seconds=time.monotonic() - start
    )
    assert min(left) > 0
    assert found == Difference(0, 0, 0)
    assert not stayed, "processes outlived their driver"


def _wait_for_studies(store: Undisturbed, output: str, job: Job, studies: int) -> None:
    while store.committed(output, TABLES[0]) < studies:
        job.require_running()
        time.sleep(0.05)
