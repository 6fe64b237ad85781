"""A job as a user starts it: a process, its Ray below it, and what of it is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tests.process_tree import command_line, descendants

ROOT = Path(__file__).parents[2]
END_SECONDS = 900.0
GONE_SECONDS = 60.0
WORKERS = ("ray::MapWorker", "ray::CandidateShard", "echoprime.reading.child", "raylet/raylet ")
"""Parts of the command lines of what works for a driver."""


class Job:
    """One `echoprime` command; a context manager that leaves no process behind.

    Parameters
    ----------
    words
        Of the command.
    log
        File of what it says, appended to.
    more
        Environment, beside this process's.
    """

    def __init__(self, words: list[str], log: Path, more: Mapping[str, str] | None = None) -> None:
        self._words = [sys.executable, "-m", "pipelines", *words]
        self._log = log
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Job:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Of the driver."""
        assert self._process is not None
        return self._process.pid

    def require_running(self) -> None:
        """Fail where it has ended.

        Raises
        ------
        AssertionError
            With what it said.
        """
        assert self._process is not None
        code = self._process.poll()
        assert code is None, f"the job ended ({code}) before it could be disturbed: {self.said()}"

    def wait(self) -> int:
        """Its exit code, once it ends by itself."""
        assert self._process is not None
        return self._process.wait(END_SECONDS)

    def kill(self) -> list[int]:
        """Kill the driver, wait for what works for it; return the workers that stayed.

        Ray's agents, and workers that have only begun to start, were seen to stay for half a minute and more.
        They are not waited for; all that is left is killed.
        """
        assert self._process is not None
        family = [pid for pid in descendants(self.pid) if pid != self.pid]
        workers = [pid for pid in family if any(name in command_line(pid) for name in WORKERS)]
        self._process.kill()
        self._process.wait()
        ends = time.monotonic() + GONE_SECONDS
        while time.monotonic() < ends and any(map(is_alive, workers)):
            time.sleep(0.1)
        stayed = [pid for pid in workers if is_alive(pid)]
        for pid in filter(is_alive, family):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return stayed

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-3000:]


def processes(of: int, name: str) -> Iterator[int]:
    """Processes below one whose command line, or Ray's title of a worker, has `name` in it."""
    return (pid for pid in descendants(of) if name in command_line(pid))


def state(pid: int) -> str:
    """The kernel's letter: R running, S asleep, T stopped, Z dead; "" where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return state(pid) not in ("", "Z")
