"""Rows gathered into commits: large enough for the table, often enough that a kill costs seconds of work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pyarrow as pa

from echoprime.errors import WriteError
from echoprime.tables import StudyTable

log = logging.getLogger(__name__)

PARTS_BETWEEN_COMPACTIONS = 2_000
"""Commits after which a run compacts its table, so that reading all keys stays a matter of seconds."""

FILES_BEFORE_COMPACTION = 500
"""A run that finds its table in so many files compacts it first: earlier runs were small or killed."""


def compact_if_scattered(table: StudyTable) -> None:
    """Gather the files that earlier runs left, so that this one opens and reads keys at once."""
    if table.file_count >= FILES_BEFORE_COMPACTION:
        table.compact()


class Committer:
    """Appends rows to a table, up to `studies` or `seconds` at a time.

    Parameters
    ----------
    table
        Where rows go.
    studies, seconds
        A commit is made when either is reached.
    on_commit
        Called after each commit with its studies and seconds.
    """

    def __init__(
        self,
        table: StudyTable,
        *,
        studies: int,
        seconds: float,
        on_commit: Callable[[int, float], None] = lambda studies, seconds: None,
    ) -> None:
        self._table = table
        self._studies = studies
        self._seconds = seconds
        self._on_commit = on_commit
        self._waiting: list[pa.Table] = []
        self._last = time.monotonic()
        self._lock = threading.Lock()
        self._failed = False
        self.committed = 0
        self.commits = 0
        self.commit_seconds = 0.0

    @property
    def waiting(self) -> int:
        """Rows not yet committed."""
        return sum(len(rows) for rows in self._waiting)

    def add(self, rows: pa.Table) -> None:
        """Take whole rows; commit when it is time.

        Raises
        ------
        WriteError
            They cannot be committed.
        """
        with self._lock:
            if len(rows):
                self._waiting.append(rows)
            due = time.monotonic() - self._last >= self._seconds
            full = self.waiting >= self._studies or (due and self.waiting > 0)
        if full:
            self.flush()

    def hurry(self) -> None:
        """Commit what waits now, and from now on whatever comes; may be called from another thread."""
        self._studies = 1
        try:
            self.flush()
        except WriteError as error:  # whoever waits for rows will meet it too
            log.warning("what waits cannot be committed yet (%s)", type(error.__cause__).__name__)
            self._failed = False

    def flush(self) -> None:
        """Commit what waits; after a commit that failed nothing, since a failing job ends by this too.

        Raises
        ------
        WriteError
            It cannot be committed.
        """
        with self._lock:
            if not self._waiting or self._failed:
                return
            started = time.monotonic()
            rows = pa.concat_tables(self._waiting)
            try:
                self._table.append(rows)
            except WriteError:
                self._failed = True
                raise
            self._waiting = []
            self.committed += len(rows)
            self.commits += 1
            if self.commits % PARTS_BETWEEN_COMPACTIONS == 0:
                self._table.compact()
            self._last = time.monotonic()
            self.commit_seconds += self._last - started
            self._on_commit(len(rows), self._last - started)
