"""A run's log: one JSON object a line, without identifiers, beside its `run.json`.

`OUT/runs/<run_id>/log.jsonl` in a folder, a line as it happens; in a bucket `log-00000.jsonl` and so on,
since objects cannot be added to.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from echoprime.storage import Location

EVENTS = logging.getLogger("pipelines.run")
"""Where a run's events go: `event("commit", studies=256)`."""

PART_BYTES = 64 << 10
"""An object of a bucket's log is closed at this size; until then it is written anew each time."""

PART_SECONDS = 5.0
"""A line in a bucket is at most so old, or as old as the event before it."""

_LOGGERS = ("pipelines", "operators", "echoprime")
"""The project's own: what libraries say may hold a path."""


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401  # anything JSON has
    """Log one event of the run that goes on; without one nothing happens.

    Parameters
    ----------
    name
        What happened: "start", "pools", "commit", "waiting", "end".
    level
        Of `logging`.
    fields
        Numbers and words; never a study, a patient or a path.
    """
    EVENTS.log(level, name, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time (UTC, milliseconds), level, event, and the event's own fields.

    Examples
    --------
    >>> record = logging.makeLogRecord(
    ...     {"msg": "commit", "created": 0.0, "levelname": "INFO", "fields": {"studies": 256}})
    >>> JsonLines().format(record)
    '{"time": "1970-01-01T00:00:00.000+00:00", "level": "info", "event": "commit", "studies": 256}'
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line; a record that is no event is a "message" with its text."""
        fields = getattr(record, "fields", None)
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if fields is not None else "message",
        }
        if fields is None:
            line |= {"logger": record.name, "message": record.getMessage()}
        return json.dumps(line | (fields or {}), ensure_ascii=False, default=str)


class _FileLines(logging.FileHandler):
    """A disk that is full ends the run by its tables; its log does not speak of it a second time."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Lose the line."""


class ObjectLines(logging.Handler):
    """Lines into the objects of a bucket, every few seconds; an error of the store loses no run.

    Parameters
    ----------
    directory
        Where the objects lie.
    """

    def __init__(self, directory: Location) -> None:
        super().__init__()
        self._directory = directory
        self._lines = bytearray()
        self._written = 0
        self._part = 0
        self._last = -math.inf

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; write it now if it is a warning, or if the last time is long ago."""
        self._lines += self.format(record).encode() + b"\n"
        if record.levelno >= logging.WARNING or time.monotonic() - self._last >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the open object anew, and close it where it is large."""
        with self.lock or nullcontext():
            if len(self._lines) == self._written:
                return
            try:
                (self._directory / f"log-{self._part:05d}.jsonl").write_bytes(bytes(self._lines))
            except Exception:  # whatever a store's client raises; botocore's are no OSError
                return  # the next time writes these lines too
            self._last = time.monotonic()
            self._written = len(self._lines)
            if self._written >= PART_BYTES:
                self._part, self._written = self._part + 1, 0
                self._lines.clear()

    def close(self) -> None:
        """Write what is left."""
        self.flush()
        super().close()


@contextmanager
def run_log(directory: Location) -> Iterator[logging.Handler]:
    """Write this process's events to a run's log while this lasts.

    Parameters
    ----------
    directory
        `RunRecord.directory`.
    """
    handler: logging.Handler
    if directory.is_local:
        handler = _FileLines(directory.local_path / "log.jsonl", encoding="utf-8")
    else:
        handler = ObjectLines(directory)
    handler.setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()
