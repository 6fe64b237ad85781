"""A server of the tests as a process: waited for until it answers, killed with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

READY_SECONDS = 60.0


class ServerProcess:
    """One server.

    Parameters
    ----------
    name
        What messages call it.
    log
        File of its output.
    """

    def __init__(self, name: str, log: Path) -> None:
        self._name, self._log = name, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str], probe: Callable[[], object], *, wait: float) -> None:
        """Start it, and call `probe` until that raises nothing, `wait` seconds after each try."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._name} ended: {self._said()}")
            try:
                probe()
                return
            except Exception:
                time.sleep(wait)
        self.stop()
        raise RuntimeError(f"{self._name} was not ready in {READY_SECONDS:.0f} s: {self._said()}")

    def stop(self) -> None:
        """Kill it and wait for its pid."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        self._process = None

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]
