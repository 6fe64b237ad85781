"""How fast rows come, once they come: starting actors and loading weights are told apart from the work."""

from __future__ import annotations

import time


class Pace:
    """Counts clips as they come out of a job; make it when the job starts."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._first: float | None = None
        self._last = self._started
        self._clips = 0

    def count(self, clips: int) -> None:
        """So many clips have come out now."""
        self._last = time.monotonic()
        if self._first is None:
            self._first = self._last
        else:
            self._clips += clips

    @property
    def first_seconds(self) -> float:
        """Seconds from the start to the first row."""
        return (self._first or self._last) - self._started

    @property
    def per_second(self) -> float | None:
        """Clips a second after the first row; None if no more came."""
        if self._first is None or not self._clips or self._last <= self._first:
            return None
        return self._clips / (self._last - self._first)
