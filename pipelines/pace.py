"""How fast rows come, once they come: starting actors and loading weights are told apart from the work."""

from __future__ import annotations

import time


class Pace:
    """Counts clips as they come out of a job; make it when the job starts."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._begun: float | None = None
        self._last = self._started
        self._clips = 0

    def count(self, clips: int, seconds: float) -> None:
        """So many clips have come out now, on which the stages spent so many seconds.

        The work is taken to have begun these seconds before the first row came.
        """
        self._last = time.monotonic()
        self._clips += clips
        if self._begun is None:
            self._begun = max(self._started, self._last - seconds)

    @property
    def start_seconds(self) -> float:
        """Seconds until the work began: actors started, weights loaded, networks checked."""
        return (self._begun or self._last) - self._started

    @property
    def wall(self) -> dict[str, float]:
        """Seconds by phase until now: start, work (begun to the last row), finish (since the last row)."""
        work = 0.0 if self._begun is None else self._last - self._begun
        return {"start": self.start_seconds, "work": work, "finish": time.monotonic() - self._last}

    @property
    def per_second(self) -> float | None:
        """Clips a second from when the work began to the last row; None if there were none."""
        if self._begun is None or not self._clips or self._last <= self._begun:
            return None
        return self._clips / (self._last - self._begun)
