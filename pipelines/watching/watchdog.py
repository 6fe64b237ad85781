"""A thread that says what a job waits for where nothing comes out of it, instead of sitting silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

LOOKS = 4
"""How often a silence is looked at before it is long enough to be told ..."""

LOOK_SECONDS = 5.0
"""... and how often at least."""


class Watchdog:
    """Calls `tell` after `seconds` without a sign of life, and again at intervals that double.

    Parameters
    ----------
    seconds
        Of silence that are told.
    tell
        Takes the seconds of silence so far; called in the watchdog's thread.
    """

    def __init__(self, seconds: float, tell: Callable[[float], None]) -> None:
        self._seconds = seconds
        self._tell = tell
        self._ended = threading.Event()
        self._heard = time.monotonic()
        self._next = seconds
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def hear(self) -> None:
        """Something came out: the silence is over."""
        self._heard, self._next = time.monotonic(), self._seconds

    def __enter__(self) -> Watchdog:
        self.hear()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(min(self._seconds / LOOKS, LOOK_SECONDS)):
            silent = time.monotonic() - self._heard
            if silent >= self._next:
                self._next = 2 * self._next
                self._tell(silent)
