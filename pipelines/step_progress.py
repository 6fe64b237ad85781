"""Bars of what takes minutes and is no job: imports and downloads; in a log a line every 30 seconds."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from pipelines.progress import LOG_SECONDS

ROWS = {
    "comparing": "files compared with what was recorded",
    "weights": "weights and their sample numbers",
    "candidates": "candidates written",
    "verified": "candidates read back and compared",
    "hashing": "SHA-256 of every file",
    "reports": "reports encoded",
}
"""Steps that are counted in rows, or not at all, and what a person reads; others are files, in bytes."""


class StepProgress:
    """What `told` of the library is told, as a person sees it.

    Parameters
    ----------
    show
        False: neither bars nor lines.
    """

    def __init__(self, *, show: bool = True) -> None:
        self._show = show
        self._console = Console(stderr=True)
        self._logged = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._bars: Progress | None = None
        if show and self._console.is_terminal:
            self._bars = Progress(
                SpinnerColumn(finished_text="✓"),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[amount]}"),
                TimeRemainingColumn(),
                console=self._console,
            )

    def __enter__(self) -> StepProgress:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            if error is None:
                self._close_open_ended()
            self._bars.stop()

    def told(self, step: str, done: int, total: int) -> None:
        """Show how far a step is; 0 of 0 = nobody knows how long it takes."""
        now = time.monotonic()
        if self._bars is not None:
            self._draw(self._bars, step, done, total)
        elif self._show and now - self._logged >= LOG_SECONDS:
            self._logged = now
            self._console.print(f"{ROWS.get(step, step)}: {_amount(step, done, total)}", highlight=False)

    def _draw(self, bars: Progress, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._close_open_ended()
            self._tasks[step] = bars.add_task(ROWS.get(step, step), total=total or None, amount="")
        bars.update(self._tasks[step], completed=done, total=total or None, amount=_amount(step, done, total))

    def _close_open_ended(self) -> None:
        assert self._bars is not None
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, completed=1, total=1, amount="")


def _amount(step: str, done: int, total: int) -> str:
    """So much of so much.

    Examples
    --------
    >>> _amount("candidates", 8192, 1230676), _amount("model_data.zip", 5_000_000, 1_260_000_000)
    ('8,192 of 1,230,676', '0.005 of 1.260 GB')
    """
    if not total:
        return f"{done / 1e9:.3f} GB" if done else "at work"
    return f"{done:,} of {total:,}" if step in ROWS else f"{done / 1e9:.3f} of {total / 1e9:.3f} GB"
