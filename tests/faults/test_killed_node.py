"""One of two Ray nodes dies in mid-run, three times: the run goes on with what is left, and with new ones."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.cluster.ray_nodes import ray_nodes
from tests.faults.job import ROOT, Job, is_alive, processes
from tests.faults.killing import ENCODER, READER
from tests.faults.table import Difference, FaultTable
from tests.faults.undisturbed import STUDIES, TABLES, Undisturbed

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow, pytest.mark.cluster]

TIMES = 3
FIND_SECONDS = 300.0

PROGRESS = 8
"""Studies that one node commits before another comes."""


def test_a_raylet_of_two(store: Undisturbed, kill_table: FaultTable, moment: random.Random) -> None:
    """The driver lives on the other node, which goes on alone, and then with another one."""
    output, left = "raylet", []
    start = time.monotonic()
    more = {**store.server.environment(), **store.environment(), "PYTHONPATH": str(ROOT)}
    del more["RAY_TMPDIR"]
    with (
        ray_nodes(2, more=more) as cluster,
        store.job(output, "--ray-address", cluster.gcs, more=cluster.environment) as job,
    ):
        for _ in range(TIMES):
            node = cluster.nodes[-1].pid
            _wait_for_work(node, job)
            time.sleep(moment.uniform(0, 0.5))
            (raylet,) = processes(node, "raylet/raylet ")
            workers = [pid for worker in (READER, ENCODER) for pid in processes(node, worker.name)]
            assert workers, "no worker was on the node when it died"
            os.kill(raylet, signal.SIGKILL)
            left.append(store.left(output, TABLES[0]))
            job.require_running()
            ends = time.monotonic() + 60
            while any(map(is_alive, workers)) and time.monotonic() < ends:
                time.sleep(0.1)
            assert not any(map(is_alive, workers)), "its workers outlived it"
            cluster.nodes[-1].wait(60)
            _wait_for_progress(store, output, job)
            cluster.add()
        assert job.wait() == 0, job.said()
    found = store.difference(output)
    kill_table.add(
        "raylet of two", TIMES, ", ".join(map(str, left)), found=found, seconds=time.monotonic() - start
    )
    assert min(left) > 0
    assert found == Difference(0, 0, 0)


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


def _wait_for_progress(store: Undisturbed, output: str, job: Job) -> None:
    """Until more studies are committed, or all are."""
    before = store.committed(output, TABLES[0])
    ends = time.monotonic() + FIND_SECONDS
    while time.monotonic() < ends:
        if min(before + PROGRESS, STUDIES) <= store.committed(output, TABLES[0]):
            return
        job.require_running()
        time.sleep(0.5)
    raise AssertionError(f"nothing came out of one node in {FIND_SECONDS:.0f} s: {job.said()}")
