"""Memory and processor time of a job's processes, as Linux counts them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.process_tree import descendants

TICKS = os.sysconf("SC_CLK_TCK")

PEAK = """
import json, time
answer = job()
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))
print(json.dumps({"answer": answer, "peak": peak, "processor": time.process_time()}))
"""
"""Ends every measured job. Not `ru_maxrss`: a child inherits its parent's."""


@dataclass(frozen=True)
class Measured:
    """What a job in a process of its own said and took.

    Attributes
    ----------
    answer
        What its function `job` returned.
    seconds
        Of the whole process, from its start to its end.
    processor
        Seconds of processor time of this one process.
    peak
        Bytes of memory, its most; of this one process.
    """

    answer: Any
    seconds: float
    processor: float
    peak: int

    @property
    def gigabytes(self) -> str:
        """Peak memory as a table's cell."""
        return f"{self.peak / 2**30:.2f}"


def measure(source: str, *arguments: str, watch: Callable[[int], None] | None = None) -> Measured:
    """Run Python source that defines `job`, in a process of its own.

    Parameters
    ----------
    source
        The source; `job()` returns what JSON can say.
    arguments
        Its `sys.argv[1:]`.
    watch
        Called every five seconds with the process's pid.

    Raises
    ------
    SystemExit
        The job failed: with what it printed.
    """
    started = time.perf_counter()
    command = [sys.executable, "-c", source + PEAK, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while True:
            try:
                said, _ = process.communicate(timeout=5)
                break
            except subprocess.TimeoutExpired:
                if watch is not None:
                    watch(process.pid)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{source}\nended with {process.returncode}: {said}")
    found = json.loads(said.splitlines()[-1])
    return Measured(found["answer"], seconds, found["processor"], found["peak"])


@dataclass
class ProcessSamples:
    """Samples of a job's processes, by what each of them is.

    Parameters
    ----------
    done
        How much of the job is done.

    Attributes
    ----------
    progress
        `done()` at each sample.
    memory
        Kind of process -> bytes of resident memory at each sample: its own, without shared pages.
    processor
        Kind of process -> seconds of processor time until the last sample.
    """

    done: Callable[[], int]
    seconds: list[float] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)
    memory: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _spent: dict[tuple[int, str], float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def take(self, pid: int) -> None:
        """Take a sample of a process and all below it."""
        found: dict[str, int] = defaultdict(int)
        for each in descendants(pid):
            for kind, memory, spent in _looked_at(each, driver=pid):
                found[kind] += memory
                self._spent[each, kind] = spent
        for kind in found.keys() | self.memory.keys():
            # a kind that was not there yet: zeros, so that the lists stay of one length
            self.memory[kind] += [0] * (len(self.progress) - len(self.memory[kind]))
            self.memory[kind].append(found.get(kind, 0))
        self.seconds.append(time.monotonic() - self._began)
        self.progress.append(self.done())

    @property
    def processor(self) -> dict[str, float]:
        spent: dict[str, float] = defaultdict(float)
        for (_, kind), seconds in self._spent.items():
            spent[kind] += seconds
        return dict(spent)

    def slope(self, kind: str, *, after: float = 0.2) -> float:
        """Bytes of memory for each unit of progress, by least squares over the samples after the start.

        Parameters
        ----------
        kind
            Of process.
        after
            Share of the job that is its start.
        """
        progress, memory = np.array(self.progress), np.array(self.memory[kind])
        late = (progress >= after * progress.max()) & (progress < progress.max())
        return float(np.polyfit(progress[late], memory[late], 1)[0])


def _looked_at(pid: int, driver: int) -> Iterator[tuple[str, int, float]]:
    """(kind, bytes, seconds) of a process; nothing if it has ended."""
    folder = Path(f"/proc/{pid}")
    try:
        words = folder.joinpath("cmdline").read_bytes().split(b"\0")
        status = folder.joinpath("status").read_text()
        fields = folder.joinpath("stat").read_text().rpartition(")")[2].split()
    except OSError:
        return
    memory = sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("RssAnon"))
    yield (
        "driver" if pid == driver else _kind(words),
        memory,
        (int(fields[11]) + int(fields[12])) / TICKS,
    )


def _kind(words: list[bytes]) -> str:
    """What a process of Ray is, by its command line: an actor's says its class, and at times its method."""
    name = words[0].decode(errors="replace")
    if name.startswith("ray::"):
        return re.sub(r"\.\w+$", "", name.partition(" ")[0].removeprefix("ray::"))
    if b"echoprime.reading.child" in words:
        return "decoding child"
    names = [Path(word.decode(errors="replace")).name for word in words[:3]]
    return next((each for each in names if each and not each.startswith(("python", "-"))), "python")
