"""What a person sees while a job runs: a bar on a terminal, a line every 30 seconds in a log."""

from __future__ import annotations

import logging
import time
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

logger = logging.getLogger(__name__)

LOG_SECONDS = 30.0


class JobProgress:
    """Studies done, clips a second, failures and time left.

    Parameters
    ----------
    label
        What the job does: "encode", "interpret".
    studies
        How many there are to do.
    show
        False: neither bar nor lines.
    """

    def __init__(self, label: str, studies: int, *, show: bool = True) -> None:
        self._label = label
        self._studies = studies
        self._show = show
        self._counts: Counter[str] = Counter()
        self._started = time.monotonic()
        self._logged = self._started
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        if show and self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("studies"),
                TextColumn("{task.fields[detail]}"),
                TextColumn("·"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=self._console,
            )
            self._task = self._bar.add_task(label, total=studies, detail="starting")

    def __enter__(self) -> JobProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, *, studies: int = 0, clips: int = 0, skipped: int = 0, failed: int = 0) -> None:
        """Count what has come out since the last call."""
        self._counts.update(studies=studies, clips=clips, skipped=skipped, failed=failed)
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, advance=studies, detail=self._detail(now))
        elif self._show and now - self._logged >= LOG_SECONDS:
            self._logged = now
            self._console.print(self._line(now), highlight=False)

    def say(self, line: str) -> None:
        """Show a line above the bar, whether there is one or not."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _detail(self, now: float) -> str:
        seconds = max(now - self._started, 1e-9)
        parts = []
        if self._counts["clips"]:
            parts.append(f"{self._counts['clips'] / seconds:.1f} clips/s")
        else:
            parts.append(f"{self._counts['studies'] / seconds:.1f} studies/s")
        if self._counts["skipped"]:
            parts.append(f"{self._counts['skipped']} skipped")
        parts.append(f"{self._counts['failed']} failed")
        return "· " + " · ".join(parts)

    def _line(self, now: float) -> str:
        done = self._counts["studies"]
        left = (now - self._started) / done * (self._studies - done) if done else None
        time_left = "unknown" if left is None else f"{left / 60:.0f} min"
        return f"{self._label}: {done} of {self._studies} studies {self._detail(now)} · {time_left} left"
