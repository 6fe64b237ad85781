"""The store's gateway is away for half a minute, three times in one run: the run waits, and loses nothing."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.killing import SHARD, wait_for
from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import TABLES, Undisturbed, undisturbed
from tests.s3_server import S3Server

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

AWAY = 30.0
COMMITS = 3
"""It goes away after at most so many commits of the run, of a few studies each."""

STUDIES = 480
"""Some are left to read the second time, too, though a fast machine does all that is read while it waits."""


@pytest.fixture(scope="module")
def store(s3_server: S3Server) -> Iterator[Undisturbed]:
    """As the other tests', of more studies."""
    with undisturbed(s3_server, STUDIES) as found:
        yield found


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
            # the driver, which commits, is held still while it is counted
            os.kill(job.pid, signal.SIGSTOP)
            left.append(store.left(output, table))
            assert left[-1] > 0, f"nothing of {table} was left when the gateway went away"
            store.server.stop_gateway()
            os.kill(job.pid, signal.SIGCONT)
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
    assert found == Difference(0, 0, 0)
