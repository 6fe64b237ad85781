"""The store's gateway is away for half a minute, three times in one run: the run waits, and loses nothing."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.killing import SHARD, wait_for
from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import TABLES, Undisturbed

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

AWAY = 30.0
COMMITS = 3
"""It goes away after at most so many commits of the run, of a few studies each."""


def test_the_gateway_is_away(store: Undisturbed, kill_table: FaultTable, moment: random.Random) -> None:
    """Twice while videos are read and studies committed, and once when they are interpreted."""
    output, left = "outage", []
    start = time.monotonic()
    with store.job(output) as job:
        for table in (TABLES[0], TABLES[0], TABLES[1]):
            if table == TABLES[0]:
                store.wait_for_commits(output, job, moment.randint(1, COMMITS))
            else:
                wait_for(SHARD, job)
            store.server.stop_gateway()
            time.sleep(AWAY)
            job.require_running()
            store.server.start_gateway()
            # counted at once, since counting takes a second in which the run goes on: no more than were left
            left.append(store.left(output, table))
            assert left[-1] > 0, f"nothing of {table} was left when the gateway was away"
        assert job.wait() == 0, job.said()
    found = store.difference(output)
    kill_table.add(
        f"S3 gateway, {AWAY:.0f} s",
        len(left),
        ", ".join(map(str, left)),
        found=found,
        seconds=time.monotonic() - start,
    )
    assert found == Difference(0, 0, 0)
