"""One of two Ray nodes dies in mid-run, three times: the run goes on with what is left."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import astuple

import pytest

from tests.cluster.ray_nodes import ray_nodes
from tests.faults.job import GONE_SECONDS, ROOT, Job, is_alive, processes
from tests.faults.killing import ENCODER, READER
from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import TABLES, Undisturbed

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow, pytest.mark.cluster]

TIMES = 3
ACTORS = ["--readers", "6", "--encoders", "4"]
"""They take 1.75 of a node's two cores: more than half, where Ray begins to use the other node, and so little
that all find a place on the one that stays. What asks for a whole core finds none there: no row would start
any more."""

FIND_SECONDS = 300.0


def test_a_raylet_of_two(store: Undisturbed, kill_table: FaultTable, moment: random.Random) -> None:
    """The driver lives on the other node, which goes on alone. Each of three runs loses one."""
    start = time.monotonic()
    left, found = [], []
    more = {**store.server.environment(), **store.environment(), "PYTHONPATH": str(ROOT)}
    del more["RAY_TMPDIR"]  # nodes have a folder each
    with ray_nodes(2, more=more) as cluster:
        for turn in range(TIMES):
            output = f"raylet-{turn}"
            words = ["--ray-address", cluster.gcs, *ACTORS]
            with store.job(output, *words, more=cluster.environment) as job:
                node = cluster.nodes[-1]
                _wait_for_work(node.pid, job)
                time.sleep(moment.uniform(0, 1))
                left.append(_killed(node.pid, lambda out=output: store.left(out, TABLES[0])))
                job.require_running()
                assert job.wait() == 0, job.said()
            found.append(store.difference(output))
            node.wait(60)
            if turn < TIMES - 1:
                cluster.add()
    total = Difference(*(sum(each) for each in zip(*map(astuple, found), strict=True)))
    seconds = time.monotonic() - start
    kill_table.add("raylet of two", TIMES, ", ".join(map(str, left)), found=total, seconds=seconds)
    assert total == Difference(0, 0, 0)


def _wait_for_work(node: int, job: Job) -> None:
    """Until a worker of the encode job computes on a node."""
    ends = time.monotonic() + FIND_SECONDS
    while time.monotonic() < ends:
        job.require_running()
        for worker in (ENCODER, READER):
            if any(worker.works(pid) for pid in processes(node, worker.name)):
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing was at work on the node in {FIND_SECONDS:.0f} s: {job.said()}")


def _killed(node: int, left: Callable[[], int]) -> int:
    """Kill a node's raylet, and see its workers end with it; returns what was left to do."""
    (raylet,) = processes(node, "raylet/raylet ")
    workers = [pid for worker in (READER, ENCODER) for pid in processes(node, worker.name)]
    assert workers, "no worker was on the node when it died"
    os.kill(raylet, signal.SIGKILL)
    count = left()
    assert count > 0, "nothing was left to do when the node died"
    ends = time.monotonic() + GONE_SECONDS
    while any(map(is_alive, workers)) and time.monotonic() < ends:
        time.sleep(0.1)
    assert not any(map(is_alive, workers)), "its workers outlived it"
    return count
