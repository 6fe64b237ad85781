"""Processes of a job found by what they do, to stop or kill them while they do it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.job import processes as processes_below

LOOK_SECONDS = 0.05


def processes(name: str) -> list[int]:
    """Pids below this process whose command line has the name: Ray's workers carry their actor's class."""
    return list(processes_below(os.getpid(), name))


def cpu_seconds(pid: int) -> float:
    """Seconds of cores that a process has had; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def stopping(name: str, when: Callable[[], bool], *, times: int) -> Iterator[list[int]]:
    """While this lasts, processes of a name are halted (SIGSTOP) as they are found, once `when` is true.

    Parameters
    ----------
    name
        See `processes`.
    when
        Asked again and again; true: now.
    times
        How many processes; each once.

    Yields
    ------
    list of int
        Pids that were halted.
    """
    halted: list[int] = []
    over = threading.Event()

    def halt() -> None:
        while not over.wait(LOOK_SECONDS) and not when():
            pass
        while not over.wait(LOOK_SECONDS) and len(halted) < times:
            for pid in processes(name):
                if pid not in halted and len(halted) < times:
                    os.kill(pid, signal.SIGSTOP)
                    halted.append(pid)

    thread = threading.Thread(target=halt, daemon=True)
    thread.start()
    try:
        yield halted
    finally:
        over.set()
        thread.join()
        for pid in halted:
            end(pid)


def end(pid: int) -> None:
    """Kill a process, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_for(what: Callable[[], bool], seconds: float = 300) -> None:
    """Ask until it is so.

    Raises
    ------
    TimeoutError
        It never was.
    """
    ends = time.monotonic() + seconds
    while not what():
        if time.monotonic() > ends:
            raise TimeoutError("it did not come to that")
        time.sleep(LOOK_SECONDS)
