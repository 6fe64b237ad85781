"""A Delta Lake table with one row per study, of which the newest counts. All use of `deltalake` is here.

    table = StudyTable.open(out / "encodings", ENCODINGS, identity={"encoding_id": "ab12"})
    table.append(rows)
    for batch in table.newest_batches(["study_id", "videos"]): ...

Delta panics after a fork: processes that use it are spawned.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import tenacity
from deltalake.exceptions import DeltaError, DeltaProtocolError, SchemaMismatchError

from echoprime.errors import TableError
from echoprime.storage import JSON, Location
from echoprime.tables.files import read_keys, read_rows
from echoprime.tables.identity import differences, read_identity
from echoprime.tables.newest import newest_rows, superseded_rows
from echoprime.tables.opening import (
    IDENTITY,
    WRITER_PROPERTIES,
    add_actions,
    create_delta,
    newest_stamp,
    open_delta,
    open_or_explain,
    require_columns,
    require_version,
)

Result = TypeVar("Result")

COMMIT_ATTEMPTS = 12
"""Tries of one commit; beside deletes up to 43 of 102 single tries were seen to fail."""

_KEYS = ("study_id", "study_key", "study_kind", "status", "written_at")


class StudyTable:
    """One row per study; see `open`.

    Attributes
    ----------
    location
        Folder or prefix of the table.
    schema
        Columns of `append` and of what is read.
    """

    def __init__(self, location: Location, schema: pa.Schema, table: deltalake.DeltaTable) -> None:
        self.location = location
        self.schema = schema
        self._table = table
        self._stamp = datetime.fromtimestamp(0, UTC)
        self._stamp_version = -1

    @classmethod
    def open(
        cls, location: Location, schema: pa.Schema, *, identity: Mapping[str, JSON], create: bool = True
    ) -> StudyTable:
        """Open a table for reading and appending, or make it.

        Parameters
        ----------
        location
            Folder or prefix.
        schema
            Its columns; `study_id`, `study_key` and `written_at` are among them.
        identity
            What its rows were made with; kept in the table's metadata.
        create
            Whether to make it where it does not exist.

        Raises
        ------
        TableError
            It does not exist and `create` is false, it belongs to another identity or schema version, or the
            place cannot be reached.
        """
        table = open_or_explain(location)
        if table is None:
            if not create:
                raise TableError(f"there is no table at {location}; write it first, or correct the path")
            table = create_delta(location, schema, identity)
        require_version(location, table)
        found = read_identity(table.metadata().configuration.get(IDENTITY))
        different = differences(found, identity)
        if different:
            raise TableError(
                f"table {location} was written with other settings: {'; '.join(different)}. "
                "Use the settings it was written with, or write elsewhere (another --output or --name)"
            )
        require_columns(location, table, schema)
        return cls(location, schema, table)

    @classmethod
    def existing(cls, location: Location) -> StudyTable:
        """Open a table as it is, whatever it was made with: for reading, exporting and compaction.

        Raises
        ------
        TableError
            It does not exist, or has another schema version.
        """
        table = open_or_explain(location)
        if table is None:
            raise TableError(f"there is no table at {location}; write it first, or correct the path")
        require_version(location, table)
        return cls(location, pa.schema(table.schema().to_arrow()), table)

    @property
    def identity(self) -> dict[str, JSON]:
        """What the table's rows were made with."""
        return read_identity(self._table.metadata().configuration.get(IDENTITY))

    @property
    def versions(self) -> int:
        """Commits so far, the table's creation included."""
        self._refresh()
        return int(self._table.version()) + 1

    @property
    def file_count(self) -> int:
        """Data files of the newest version."""
        return len(self._files())

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit; a study's row that is there already is superseded by it.

        Parameters
        ----------
        rows
            The schema's columns in any order; `written_at` is stamped here: now, to the millisecond, and
            always later than every stamp in the table, whatever this machine's clock says.

        Raises
        ------
        ValueError
            A column is missing, or a value does not fit its type.
        """
        missing = set(self.schema.names) - set(rows.schema.names) - {"written_at"}
        if missing:
            raise ValueError(f"rows without {sorted(missing)}, which {self.location} has")
        if rows.num_rows == 0:
            return
        token = secrets.token_hex(8)
        facts = {"append": token}
        if "run_id" in rows.schema.names:
            facts["run_id"] = str(rows["run_id"][0].as_py())
        tried = False

        def commit() -> None:
            nonlocal tried
            self._refresh()
            # on object storage an answer can get lost after the commit: look before writing twice
            if tried and self._has_commit(token):
                return
            tried = True
            stamp = self._next_stamp()
            before = int(self._table.version())
            deltalake.write_deltalake(
                self._table,
                self._stamped(rows, stamp),
                mode="append",
                writer_properties=WRITER_PROPERTIES,
                commit_properties=deltalake.CommitProperties(custom_metadata=facts),
            )
            self._stamp, self._stamp_version = stamp, before + 1

        self._commit(commit)

    def keys(self) -> pa.Table:
        """Every row's key, superseded ones too, and where it lies.

        Returns
        -------
        pyarrow.Table
            study_id, study_key, study_kind and status (where the schema has them), written_at, file
            (dictionary of string, a path for `location.arrow_filesystem`), row_group and row_in_group
            (int32).
        """
        fields = [self.schema.field(name) for name in _KEYS if name in self.schema.names]
        return read_keys(self.location, self._files(), pa.schema(fields))

    def newest(self, columns: list[str] | None = None) -> pa.Table:
        """The newest row of each study, sorted by `study_id`; all in memory.

        Parameters
        ----------
        columns
            What is read; without it everything, embeddings too (100 KB a study).
        """
        names = self._names(columns)
        wanted = names if "study_id" in names else [*names, "study_id"]
        batches = list(self.newest_batches(wanted))
        schema = pa.schema([self.schema.field(name) for name in wanted])
        found = pa.Table.from_batches(batches, schema)
        # order by the keys alone: sorting copies no list column before the one `take`
        return found.take(pc.sort_indices(found["study_id"])).select(names)

    def newest_batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The newest row of each study, at most 256 rows at a time, in no promised order.

        Parameters
        ----------
        columns
            What is read; without it everything.
        """
        names = self._names(columns)
        schema = pa.schema([self.schema.field(name) for name in names])
        for rows in read_rows(self.location, newest_rows(self.keys()), names):
            yield from rows.select(names).cast(schema).combine_chunks().to_batches()

    def drop_superseded(self) -> int:
        """Remove rows of which a newer one is there, by one merge; do it once, at the end of a run.

        Returns
        -------
        int
            Rows removed.
        """

        def commit() -> int:
            old = superseded_rows(self.keys())
            if old.num_rows == 0:
                return 0
            # by study and stamp: the same content may have been written twice, so its key does not tell
            source = pa.table({"study_id": old["study_id"], "written_at": old["written_at"]})
            source = source.group_by(["study_id", "written_at"]).aggregate([])
            metrics = (
                self._table.merge(
                    source,
                    "t.study_id = s.study_id AND t.written_at = s.written_at",
                    source_alias="s",
                    target_alias="t",
                    writer_properties=WRITER_PROPERTIES,
                )
                .when_matched_delete()
                .execute()
            )
            return int(metrics["num_target_rows_deleted"])

        return self._commit(commit)

    def mark(self, rows: pa.Table) -> int:
        """Give rows another `status` in place, by one merge; nothing else of them changes.

        Parameters
        ----------
        rows
            study_id and written_at of each row, and its new status.

        Returns
        -------
        int
            Rows marked.
        """

        def commit() -> int:
            if rows.num_rows == 0:
                return 0
            self._refresh()
            return self._update(rows, {"status": "s.status"})

        return self._commit(commit)

    def revise(self, rows: pa.Table) -> int:
        """Give rows other values in place, by one merge, and stamp them anew: what was made of them is old.

        Parameters
        ----------
        rows
            study_id and written_at of each row, and columns of new values; null leaves a value as it is.

        Returns
        -------
        int
            Rows revised.
        """
        names = [name for name in rows.schema.names if name not in ("study_id", "written_at")]

        def commit() -> int:
            if rows.num_rows == 0:
                return 0
            self._refresh()
            stamp, before = self._next_stamp(), int(self._table.version())
            stamps = pa.array([stamp] * rows.num_rows, self.schema.field("written_at").type)
            values = {name: f"coalesce(s.{name}, t.{name})" for name in names}
            revised = self._update(rows.append_column("stamp", stamps), {**values, "written_at": "s.stamp"})
            self._stamp, self._stamp_version = stamp, before + 1
            return revised

        return self._commit(commit)

    def _update(self, rows: pa.Table, values: dict[str, str]) -> int:
        """One merge: rows of the table that these name get `values`, expressions of s (given), t (there)."""
        metrics = (
            self._table.merge(
                rows,
                "t.study_id = s.study_id AND t.written_at = s.written_at",
                source_alias="s",
                target_alias="t",
                writer_properties=WRITER_PROPERTIES,
            )
            .when_matched_update(values)
            .execute()
        )
        return int(metrics["num_target_rows_updated"])

    def compact(self) -> None:
        """Put small files together; readers and appending writers go on undisturbed."""

        def commit() -> None:
            self._refresh()
            self._table.optimize.compact(writer_properties=WRITER_PROPERTIES)

        self._commit(commit)

    def vacuum(self, days: int = 7) -> int:
        """Delete files that no version of the last `days` days uses; never during a run.

        Returns
        -------
        int
            Files deleted.
        """
        self._refresh()
        gone = self._table.vacuum(
            retention_hours=24 * days, dry_run=False, enforce_retention_duration=days >= 7
        )
        return len(gone)

    def _names(self, columns: list[str] | None) -> list[str]:
        names = list(self.schema.names) if columns is None else list(columns)
        for name in names:
            if name not in self.schema.names:
                raise TableError(f"table {self.location} has no column {name!r}; it has {self.schema.names}")
        return names

    def _files(self) -> list[str]:
        """Data files, sorted. Not `file_uris()`: that spells a folder "a b" as "a%20b"."""
        self._refresh()
        paths = add_actions(self._table)["path"].to_pylist()
        return sorted(f"{self.location.path}/{path}" for path in paths)

    def _refresh(self) -> None:
        self._table.update_incremental()

    def _stamped(self, rows: pa.Table, stamp: datetime) -> pa.Table:
        column = pa.array([stamp] * rows.num_rows, self.schema.field("written_at").type)
        if "written_at" in rows.schema.names:
            rows = rows.drop_columns(["written_at"])
        return rows.append_column("written_at", column).select(self.schema.names).cast(self.schema)

    def _next_stamp(self) -> datetime:
        """Whole milliseconds: the log's statistics keep no more, and a merge must find the same value."""
        if int(self._table.version()) != self._stamp_version:
            self._stamp = max(self._stamp, newest_stamp(self._table) or self._stamp)
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return max(now, self._stamp + timedelta(milliseconds=1))

    def _has_commit(self, token: str) -> bool:
        return any(entry.get("append") == token for entry in self._table.history(50))

    def _commit(self, action: Callable[[], Result]) -> Result:
        """Run an action until its commit stands; between tries the table is opened again."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=tenacity.wait_random_exponential(multiplier=0.05, max=10),
            stop=tenacity.stop_after_attempt(COMMIT_ATTEMPTS),
            reraise=True,
        )

        def attempt() -> Result:
            if retrying.statistics["attempt_number"] > 1:
                self._reopen()
            return action()

        return retrying(attempt)

    def _reopen(self) -> None:
        table = open_delta(self.location)
        if table is None:
            raise TableError(f"table {self.location} has vanished while it was written; run again")
        self._table = table


def _may_pass(error: BaseException) -> bool:
    """Conflicts and outages; not what would fail the same way every time."""
    hopeless = (DeltaProtocolError, SchemaMismatchError)
    return isinstance(error, DeltaError | OSError) and not isinstance(error, hopeless)
