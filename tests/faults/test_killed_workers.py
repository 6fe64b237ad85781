"""Workers that are killed in mid-work: the run goes on by itself, and ends in the undisturbed rows.

`make test-faults` prints what was killed, and how much was left to do.
"""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.killing import DECODER, ENCODER, READER, Worker, kill_at_work
from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import TABLES, Undisturbed

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

TIMES = 3
COMMITS = 2
"""Between two kills, at most; each takes a few studies."""


@pytest.mark.parametrize(
    ("name", "worker"),
    [("reading worker", READER), ("decoding process", DECODER), ("encoder actor", ENCODER)],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_worker_of_the_encode_job(
    name: str, worker: Worker, store: Undisturbed, kill_table: FaultTable, moment: random.Random
) -> None:
    output = name.replace(" ", "-")
    start = time.monotonic()
    left: list[int] = []
    with store.job(output) as job:
        for _ in range(TIMES):
            if left:  # what replaced the last one has come to something
                store.wait_for_commits(output, job, moment.randint(1, COMMITS))
            left.append(kill_at_work(worker, job, lambda: store.left(output, TABLES[0]), moment))
        assert job.wait() == 0, job.said()
    found = store.difference(output)
    kill_table.add(name, TIMES, ", ".join(map(str, left)), found=found, seconds=time.monotonic() - start)
    assert found == Difference(0, 0, 0)
