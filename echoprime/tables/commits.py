"""Commits to a Delta Lake table: tried again where others wrote meanwhile, each with a later stamp."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import deltalake
import pyarrow as pa
import tenacity
from deltalake.exceptions import DeltaError

from echoprime.errors import TableError, WriteError
from echoprime.storage import Location
from echoprime.storage.space import is_full
from echoprime.tables.opening import (
    WRITER_PROPERTIES,
    in_one_line,
    may_pass,
    newest_stamp,
    open_delta,
    persistently,
)

Result = TypeVar("Result")

COMMIT_ATTEMPTS = 12
"""Tries of one commit; beside deletes up to 43 of 102 single tries were seen to fail."""


class Commits:
    """Writes one Delta table; rows are named by `study_id` and `written_at`.

    A stamp is later than every other in the table, whatever this machine's clock says.

    Parameters
    ----------
    location
        Folder or prefix of the table.
    table
        The table, open.
    """

    def __init__(self, location: Location, table: deltalake.DeltaTable) -> None:
        self.location = location
        self._table = table
        self._stamp = datetime.fromtimestamp(0, UTC)
        self._stamp_version = -1

    def newest_version(self) -> deltalake.DeltaTable:
        """The table as it is now."""
        persistently(self.location, self._table.update_incremental)
        return self._table

    def append(self, stamped: Callable[[datetime], pa.Table], facts: Mapping[str, str]) -> None:
        """Add rows once, even where the answer to a commit got lost.

        Parameters
        ----------
        stamped
            Makes the rows for a stamp; called once a try.
        facts
            Kept in the log beside the commit.
        """
        token = secrets.token_hex(8)
        tried = False

        def commit(table: deltalake.DeltaTable) -> None:
            nonlocal tried
            # on object storage an answer can get lost after the commit: look before writing twice
            if tried and any(entry.get("append") == token for entry in table.history(50)):
                return
            tried = True
            stamp, before = self._next_stamp(), int(table.version())
            deltalake.write_deltalake(
                table,
                stamped(stamp),
                mode="append",
                writer_properties=WRITER_PROPERTIES,
                commit_properties=deltalake.CommitProperties(custom_metadata={**facts, "append": token}),
            )
            self._stamp, self._stamp_version = stamp, before + 1

        self.attempt(commit)

    def delete(self, named: Callable[[], pa.Table]) -> int:
        """Remove rows by one merge.

        Parameters
        ----------
        named
            Finds the rows, study_id and written_at, in the version that is deleted from.

        Returns
        -------
        int
            Rows removed.
        """

        def commit(table: deltalake.DeltaTable) -> int:
            rows = named()
            if rows.num_rows == 0:
                return 0
            merger = _merger(table, rows).when_matched_delete()
            return int(merger.execute()["num_target_rows_deleted"])

        return self.attempt(commit)

    def update(self, rows: pa.Table, values: Mapping[str, str], *, restamp: bool = False) -> int:
        """Give rows new values by one merge.

        Parameters
        ----------
        rows
            study_id and written_at of each row, and what `values` speak of.
        values
            Expressions by column, of s (given) and t (there).
        restamp
            Whether `written_at` becomes a new stamp.

        Returns
        -------
        int
            Rows updated.
        """

        if rows.num_rows == 0:
            return 0

        def commit(table: deltalake.DeltaTable) -> int:
            if not restamp:
                return _updated(table, rows, values)
            stamp, before = self._next_stamp(), int(table.version())
            stamps = pa.array([stamp] * rows.num_rows, rows.schema.field("written_at").type)
            updated = _updated(
                table, rows.append_column("stamp", stamps), {**values, "written_at": "s.stamp"}
            )
            self._stamp, self._stamp_version = stamp, before + 1
            return updated

        return self.attempt(commit)

    def attempt(self, action: Callable[[deltalake.DeltaTable], Result]) -> Result:
        """Run an action on the newest version until its commit stands; a retry opens the table again.

        Raises
        ------
        TableError
            The table has vanished.
        WriteError
            It cannot be written: the disk is full, or the store refused every try.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=tenacity.wait_random_exponential(multiplier=0.05, max=10),
            stop=tenacity.stop_after_attempt(COMMIT_ATTEMPTS),
            reraise=True,
        )

        def attempt() -> Result:
            if retrying.statistics["attempt_number"] > 1:
                self._reopen()
            return action(self.newest_version())

        try:
            return retrying(attempt)
        except (DeltaError, OSError) as error:
            raise WriteError(self._why_not(error)) from error

    def _why_not(self, error: Exception) -> str:
        place = f"table {self.location}"
        if is_full(error):
            return (
                f"{place} cannot be written: no space is left there; make room and run the same command again"
            )
        return (
            f"{place} cannot be written: {in_one_line(error)}; what was committed before stays: "
            "mend it and run the same command again"
        )

    def _next_stamp(self) -> datetime:
        """Whole milliseconds: the log's statistics keep no more, and a merge must find the same value."""
        if int(self._table.version()) != self._stamp_version:
            self._stamp = max(self._stamp, newest_stamp(self._table) or self._stamp)
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return max(now, self._stamp + timedelta(milliseconds=1))

    def _reopen(self) -> None:
        table = open_delta(self.location)
        if table is None:
            raise TableError(f"table {self.location} has vanished while it was written; run again")
        self._table = table


def _updated(table: deltalake.DeltaTable, rows: pa.Table, values: Mapping[str, str]) -> int:
    metrics = _merger(table, rows).when_matched_update(dict(values)).execute()
    return int(metrics["num_target_rows_updated"])


def _merger(table: deltalake.DeltaTable, rows: pa.Table) -> deltalake.table.TableMerger:
    return table.merge(
        rows,
        "t.study_id = s.study_id AND t.written_at = s.written_at",
        source_alias="s",
        target_alias="t",
        writer_properties=WRITER_PROPERTIES,
    )
