"""Sorting what does not fit in memory: DuckDB over scratch Parquet files."""

from __future__ import annotations

import glob
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
            # insertion order is kept: without it DuckDB 2.0 may wait for ever at an error in a long CSV
            "temp_directory": str(scratch / "spill"),
            # more threads hold more sort runs at once; two saturate a disk
            "threads": 2,
            # nothing is fetched from the net while a manifest is made
            "autoinstall_known_extensions": "false",
        }
    )
    # times without an offset are UTC, whatever this machine's clock is set to
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def literal(file: Path) -> str:
    """A file's name for DuckDB, which takes `*`, `?` and `[` for patterns: `l[1].csv` would be `l1.csv`.

    Examples
    --------
    >>> literal(Path("/tmp/it's.csv")), literal(Path("/tmp/list[1].csv"))
    ("'/tmp/it''s.csv'", "'/tmp/list[[]1].csv'")
    """
    return "'{}'".format(glob.escape(str(file)).replace("'", "''"))


def parquet(file: Path) -> str:
    """A Parquet file as a table of a query; a folder named like `centre=3` adds no column to it.

    Examples
    --------
    >>> parquet(Path("/tmp/a.parquet"))
    "read_parquet('/tmp/a.parquet', hive_partitioning = false)"
    """
    return f"read_parquet({literal(file)}, hive_partitioning = false)"


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
