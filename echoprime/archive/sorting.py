"""Sorting what does not fit in memory: DuckDB over scratch Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

MEMORY = "1GB"
"""What sorting may take; the rest goes to scratch files."""


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory database that spills to `scratch`.

    Parameters
    ----------
    scratch
        Folder that is removed afterwards.
    """
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(scratch / "spill"),
            # more threads hold more sort runs at once; two saturate a disk
            "threads": 2,
            "preserve_insertion_order": "false",
            # nothing is fetched from the net while a manifest is made
            "autoinstall_known_extensions": "false",
        }
    )
    # times without an offset are UTC, whatever this machine's clock is set to
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def parquet(file: Path) -> str:
    """A Parquet file as a table of a query.

    Examples
    --------
    >>> parquet(Path("/tmp/it's.parquet"))
    "read_parquet('/tmp/it''s.parquet')"
    """
    return "read_parquet('{}')".format(str(file).replace("'", "''"))


def batches(connection: duckdb.DuckDBPyConnection, query: str, rows: int) -> Iterator[pa.Table]:
    """Run a query, a batch at a time.

    Parameters
    ----------
    connection
        From `connect`.
    query
        SQL.
    rows
        Rows of a batch.
    """
    for batch in connection.sql(query).to_arrow_reader(rows):
        if batch.num_rows:
            yield pa.Table.from_batches([batch])
