"""Opening and making Delta tables, and refusing those that belong to something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import tenacity
from deltalake.exceptions import DeltaError, DeltaProtocolError, SchemaMismatchError, TableNotFoundError

from echoprime.errors import TableError
from echoprime.storage import JSON, Location, canonical_json
from echoprime.storage.s3 import without_password
from echoprime.storage.space import is_full
from echoprime.tables.schema import schema_version

Result = TypeVar("Result")

OPEN_ATTEMPTS = 8
"""Tries of what deltalake asks a bucket: it repeats no reset, no cut-off body and no bent list by itself."""

ROWS_PER_GROUP = 256
"""Row group of the data files: 25 MB of encodings, the least that is read to get at one row."""

WRITER_PROPERTIES = deltalake.WriterProperties(max_row_group_size=ROWS_PER_GROUP, compression="ZSTD")
"""The same for appends, merges and compaction, so that positions in `keys` stay cheap to read."""

IDENTITY = "echoprime.identity"
_VERSION = "echoprime.schema_version"
# an address with these is mangled on its way through deltalake's URLs: "a%20b" becomes "a b"
_MANGLED = "%[]\\"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def table_exists(location: Location) -> bool:
    """Whether a Delta table is there.

    Raises
    ------
    TableError
        The place cannot be reached.
    """
    if not location.is_local:
        location.require_reachable("table", TableError)
    return persistently(
        location,
        lambda: bool(
            deltalake.DeltaTable.is_deltatable(_address(location), storage_options=location.delta_options)
        ),
    )


def open_delta(location: Location) -> deltalake.DeltaTable | None:
    """The newest version of a table; None where there is none.

    Raises
    ------
    OSError, DeltaError
        The store does not answer, or the log is damaged.
    """
    try:
        return persistently(
            location,
            lambda: deltalake.DeltaTable(_address(location), storage_options=location.delta_options),
        )
    except TableNotFoundError:
        return None


def open_or_explain(location: Location) -> deltalake.DeltaTable | None:
    """The same for a user's location: what is wrong with it in one line.

    Raises
    ------
    TableError
        The place cannot be reached, or what is there is damaged.
    """
    if not location.is_local:
        # asked once, in a second: deltalake would retry a dead endpoint for ten
        location.require_reachable("table", TableError)
    try:
        return open_delta(location)
    except (DeltaError, OSError) as error:
        raise TableError(f"table {location} cannot be opened: {in_one_line(error)}") from error


def persistently(location: Location, action: Callable[[], Result]) -> Result:
    """Do something that may be done twice; in a bucket, try again what may pass."""
    if location.is_local:
        return action()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass),
        wait=tenacity.wait_random_exponential(multiplier=0.05, max=2),
        stop=tenacity.stop_after_attempt(OPEN_ATTEMPTS),
        reraise=True,
    )
    return retrying(action)


def may_pass(error: BaseException) -> bool:
    """Conflicts and outages; not what would fail the same way every time."""
    hopeless = (DeltaProtocolError, SchemaMismatchError, TableNotFoundError)
    return isinstance(error, DeltaError | OSError) and not isinstance(error, hopeless) and not is_full(error)


def create_delta(location: Location, schema: pa.Schema, identity: Mapping[str, JSON]) -> deltalake.DeltaTable:
    """Make an empty table, or open the one that somebody else has made in this moment."""
    try:
        return persistently(location, lambda: _created(location, schema, identity))
    except (DeltaError, OSError) as error:
        raise TableError(f"no table can be made at {location}: {in_one_line(error)}") from error


def _created(location: Location, schema: pa.Schema, identity: Mapping[str, JSON]) -> deltalake.DeltaTable:
    try:
        deltalake.DeltaTable.create(
            _address(location),
            schema=schema,
            mode="error",
            configuration={
                IDENTITY: canonical_json(identity).decode(),
                _VERSION: str(schema_version(schema.names)),
                # statistics of the keys only: those of nested columns would be most of the log
                "delta.dataSkippingStatsColumns": "study_id,study_key,written_at",
            },
            raise_if_key_not_exists=False,
            storage_options=location.delta_options,
        )
    except (DeltaError, OSError):
        table = open_delta(location)
        if table is None:
            raise
        return table
    return deltalake.DeltaTable(_address(location), storage_options=location.delta_options)


def require_version(location: Location, table: deltalake.DeltaTable) -> None:
    """Refuse a table that is not ours, or of another schema version."""
    version = table.metadata().configuration.get(_VERSION)
    if version is None:
        raise TableError(f"table {location} was not written by echoprime; write elsewhere (another --output)")
    ours = schema_version([field.name for field in table.schema().fields])
    if version != str(ours):
        raise TableError(
            f"table {location} has schema version {version}, this software writes {ours}; "
            "use the software that wrote it, or write elsewhere (another --output or --name)"
        )


def require_columns(location: Location, table: deltalake.DeltaTable, schema: pa.Schema) -> None:
    """Refuse a table whose columns are not those of the schema."""
    there = pa.schema(table.schema().to_arrow()).names
    if there != schema.names:
        odd = sorted(set(there) ^ set(schema.names)) or "their order"
        raise TableError(
            f"table {location} has other columns ({odd}); write elsewhere (another --output or --name)"
        )


def add_actions(table: deltalake.DeltaTable) -> pa.Table:
    """One row per data file: path, and extremes of the key columns as `min.<name>`, `max.<name>`."""
    return pa.table(table.get_add_actions(flatten=True))


def newest_stamp(table: deltalake.DeltaTable) -> datetime | None:
    """Latest `written_at` of a table by its log, to the millisecond; None if it has no rows."""
    files = add_actions(table)
    if files.num_rows == 0:
        return None
    stamp: datetime | None = pc.max(files["max.written_at"]).as_py()
    return stamp


def _address(location: Location) -> str:
    if any(character in location.uri for character in _MANGLED):
        raise TableError(
            f"a table cannot lie at {location}: its path has one of {' '.join(_MANGLED)}; write elsewhere"
        )
    return location.uri


def in_one_line(error: Exception) -> str:
    """What deltalake says, which may have many lines, colours, and the endpoint with its password."""
    return " ".join(without_password(_COLOURS.sub("", str(error))).split())[:300]
