"""A Delta Lake table with one row per study, of which the newest counts.

    table = StudyTable.open(out / "encodings", ENCODINGS, identity={"encoding_id": "ab12"})
    table.append(rows)
    for batch in table.newest_batches(["study_id", "videos"]): ...

Delta panics after a fork: processes that use it are spawned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import deltalake
import pyarrow as pa
import pyarrow.compute as pc

from echoprime.errors import TableError
from echoprime.storage import JSON, Location
from echoprime.tables.commits import Commits
from echoprime.tables.files import read_keys, read_rows
from echoprime.tables.forgetting import forget_past
from echoprime.tables.identity import differences, read_identity
from echoprime.tables.newest import newest_rows, superseded_rows
from echoprime.tables.opening import (
    IDENTITY,
    WRITER_PROPERTIES,
    add_actions,
    create_delta,
    open_or_explain,
    require_columns,
    require_version,
)

_KEYS = ("study_id", "study_key", "study_kind", "status", "written_at")


class StudyTable:
    """One row per study; see `open`.

    Attributes
    ----------
    location
        Folder or prefix of the table.
    schema
        Columns of `append` and of what is read.
    identity
        What its rows were made with.
    """

    def __init__(self, location: Location, schema: pa.Schema, table: deltalake.DeltaTable) -> None:
        self.location = location
        self.schema = schema
        self.identity: dict[str, JSON] = read_identity(table.metadata().configuration.get(IDENTITY))
        self._commits = Commits(location, table)

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
    def versions(self) -> int:
        """Commits so far, the table's creation included."""
        return int(self._commits.newest_version().version()) + 1

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
        facts = {"run_id": str(rows["run_id"][0].as_py())} if "run_id" in rows.schema.names else {}
        self._commits.append(lambda stamp: self._stamped(rows, stamp), facts)

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

        def superseded() -> pa.Table:
            old = superseded_rows(self.keys())
            # by study and stamp: the same content may have been written twice, so its key does not tell
            named = pa.table({"study_id": old["study_id"], "written_at": old["written_at"]})
            return named.group_by(["study_id", "written_at"]).aggregate([])

        return self._commits.delete(superseded)

    def erase(self, studies: Collection[str]) -> int:
        """Remove every row of some studies, superseded ones too, by one merge; `forget` removes their files.

        Returns
        -------
        int
            Rows removed.
        """
        wanted = pa.array(sorted(studies), pa.string())

        def named() -> pa.Table:
            keys = self.keys().select(["study_id", "written_at"])
            rows = keys.filter(pc.is_in(keys["study_id"], wanted))
            return rows.group_by(["study_id", "written_at"]).aggregate([])

        return self._commits.delete(named)

    def forget(self) -> int:
        """Remove all files and log entries that the newest version does not need; see `forget_past`.

        Returns
        -------
        int
            Data files removed.
        """
        return forget_past(self.location, self._commits.newest_version())

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

        return self._commits.update(rows, {"status": "s.status"})

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

        values = {name: f"coalesce(s.{name}, t.{name})" for name in names}
        return self._commits.update(rows, values, restamp=True)

    def compact(self) -> None:
        """Put small files together; readers and appending writers go on undisturbed."""

        def commit(table: deltalake.DeltaTable) -> None:
            table.optimize.compact(writer_properties=WRITER_PROPERTIES)

        self._commits.attempt(commit)

    def vacuum(self, days: int = 7) -> int:
        """Delete files that no version of the last `days` days uses; never during a run.

        Returns
        -------
        int
            Files deleted.
        """
        gone = self._commits.newest_version().vacuum(
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
        paths = add_actions(self._commits.newest_version())["path"].to_pylist()
        return sorted(f"{self.location.path}/{path}" for path in paths)

    def _stamped(self, rows: pa.Table, stamp: datetime) -> pa.Table:
        column = pa.array([stamp] * rows.num_rows, self.schema.field("written_at").type)
        if "written_at" in rows.schema.names:
            rows = rows.drop_columns(["written_at"])
        return rows.append_column("written_at", column).select(self.schema.names).cast(self.schema)
