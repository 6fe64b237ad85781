"""Memory of the processes that decode, watched from outside while a job runs."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

_EVERY = 0.05  # seconds; the kernel keeps each process's peak, so that only a last moment can be missed


class ReadingProcesses:
    """The largest resident memory of any decoding process of one job, within a `with` block.

    Parameters
    ----------
    mark
        A variable, NAME=value, that the job's environment has and no other's.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self.peak_bytes = 0
        self.seen: set[int] = set()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ReadingProcesses:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    named = b"echoprime.reading.child" in (process / "cmdline").read_bytes()
                    if named and self._mark in (process / "environ").read_bytes():
                        status = (process / "status").read_text()
                        self.seen.add(int(process.name))
                        peak = int(status.partition("VmHWM:")[2].split()[0]) << 10
                        self.peak_bytes = max(self.peak_bytes, peak)
                except (OSError, IndexError):
                    continue  # has ended
