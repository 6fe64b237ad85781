"""Kill a process in mid-work, and be sure of it: it is held still, looked at, and only then killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.job import Job, is_alive, processes, state
from tests.process_tree import command_line

FIND_SECONDS = 240.0
STOPPED_SECONDS = 5.0


@dataclass(frozen=True)
class Worker:
    """Which processes of a job, and how one is told to be at work.

    Attributes
    ----------
    name
        Part of the command line, or of the title that Ray gives a worker.
    busy
        End of that title while a call runs; "" = it has none. It is a decoding process then: once it has
        started its standard output is silenced, and it is on a core while it works.
    """

    name: str
    busy: str = ""

    def works(self, pid: int) -> bool:
        """Whether it is at work now."""
        if self.busy:
            return command_line(pid).endswith(self.busy)
        try:
            return state(pid) == "R" and Path(f"/proc/{pid}/fd/1").samefile(os.devnull)
        except OSError:
            return False


READER = Worker("MapBatches(ReadClips)", ".submit")
ENCODER = Worker("MapBatches(EncodeVideos)", ".submit")
SHARD = Worker("CandidateShard", ".search")
DECODER = Worker("echoprime.reading.child")


def wait_for(worker: Worker, job: Job) -> None:
    """Until a job has started one of these."""
    while not any(processes(job.pid, worker.name)):
        job.require_running()
        time.sleep(0.05)


def kill_at_work(
    worker: Worker, job: Job, left: Callable[[], int], moment: random.Random, *, of: int | None = None
) -> int:
    """Kill one of a job's workers at a random moment of its work.

    Parameters
    ----------
    worker
        Which.
    job
        Must run.
    left
        Counts studies that are not in the table yet.
    moment
        Draws the moment and the process.
    of
        Process that the workers are below; None = the job's.

    Returns
    -------
    int
        Studies left while the process was held still.

    Raises
    ------
    AssertionError
        The job ended first, or no such process was at work.
    """
    time.sleep(moment.uniform(0, 1))
    ends = time.monotonic() + FIND_SECONDS
    while time.monotonic() < ends:
        job.require_running()
        found = sorted(pid for pid in processes(of or job.pid, worker.name) if worker.works(pid))
        if found and (count := _killed_at_work(worker, moment.choice(found), left)) is not None:
            job.require_running()
            return count
        time.sleep(0.005)
    raise AssertionError(f"no {worker.name} was at work in {FIND_SECONDS:.0f} s: {job.said()}")


def _killed_at_work(worker: Worker, pid: int, left: Callable[[], int]) -> int | None:
    """Studies left when it was killed; None where it was not at work any more, and lives."""
    with suppress(ProcessLookupError):
        busy = worker.works(pid)
        os.kill(pid, signal.SIGSTOP)
        if not (_stopped(pid) and busy and (not worker.busy or worker.works(pid))):
            os.kill(pid, signal.SIGCONT)
            return None
        count = left()
        assert count > 0, f"nothing was left to do when {worker.name} was killed"
        assert state(pid) == "T", f"{worker.name} went on while it was held"
        os.kill(pid, signal.SIGKILL)
        ends = time.monotonic() + STOPPED_SECONDS
        while is_alive(pid) and time.monotonic() < ends:
            time.sleep(0.01)
        return count
    return None


def _stopped(pid: int) -> bool:
    ends = time.monotonic() + STOPPED_SECONDS
    while state(pid) != "T" and time.monotonic() < ends:
        time.sleep(0.001)
    return state(pid) == "T"
