"""The store's gateway is away for half a minute, three times in one run: the run waits, and loses nothing."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import STUDIES, TABLES, Undisturbed

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

AWAY = 30.0


def test_the_gateway_is_away(store: Undisturbed, kill_table: FaultTable, moment: random.Random) -> None:
    """Twice while videos are read and studies committed, and once when they are interpreted."""
    output, left = "outage", []
    start = time.monotonic()
    first = moment.randrange(1, STUDIES // 3)
    second = moment.randrange(first + 4, STUDIES - 16)
    with store.job(output) as job:
        for studies in (first, second, STUDIES):
            while store.committed(output, TABLES[0]) < studies:
                job.require_running()
                time.sleep(0.05)
            time.sleep(moment.uniform(0, 0.2 if studies < STUDIES else 5))
            left.append(store.left(output))
            job.require_running()
            store.server.stop_gateway()
            time.sleep(AWAY)
            job.require_running()
            store.server.start_gateway()
        assert job.wait() == 0, job.said()
    found = store.difference(output)
    kill_table.add(
        f"S3 gateway, {AWAY:.0f} s",
        len(left),
        ", ".join(map(str, left)),
        found=found,
        seconds=time.monotonic() - start,
    )
    assert min(left) > 0
    assert found == Difference(0, 0, 0)
