"""Joins that need no memory: one DuckDB database in a scratch folder, removed afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

MEMORY = "2GB"
"""What joins and sorts may take; the rest goes to scratch files."""


@contextmanager
def workspace() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database on disk that lives as long as the block: its tables need not fit in memory."""
    with tempfile.TemporaryDirectory(prefix="echoprime-population-") as folder:
        connection = duckdb.connect(
            str(Path(folder) / "population.duckdb"),
            config={
                "memory_limit": MEMORY,
                # insertion order is kept: without it DuckDB 2.0 may wait for ever at an error in a long CSV
                "temp_directory": str(Path(folder) / "spill"),
                # whoever needs an order says so; keeping one costs memory
                # nothing is fetched from the net
                "autoinstall_known_extensions": "false",
            },
        )
        # times without an offset are UTC, whatever this machine's clock is set to
        connection.execute("SET TimeZone = 'UTC'")
        try:
            yield connection
        finally:
            connection.close()


def quoted(name: str) -> str:
    """A column's name as SQL writes it.

    Examples
    --------
    >>> quoted('say "x" here')
    '"say ""x"" here"'
    """
    return '"' + name.replace('"', '""') + '"'


def shape_expression(name: str) -> str:
    """SQL for what a text column's values look like, digits as 0, letters as a: a message may show that."""
    digits = f"regexp_replace(left({quoted(name)}, 24), '[0-9]', '0', 'g')"
    return f"regexp_replace({digits}, '\\p{{L}}', 'a', 'g')"


def ask(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, str] | None = None
) -> list[tuple[Any, ...]]:
    """Every row that a query answers: fetched to the end, which the next one waits for."""
    return connection.execute(query, parameters).fetchall()


def ask_one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The one row of a query without groups."""
    return ask(connection, query)[0]


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one whole number that a query answers; NULL counts as 0."""
    return int(ask_one(connection, query)[0] or 0)


def create_from(
    connection: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> None:
    """Make a table of a stream of record batches, never of more than a few at a time."""
    connection.register("stream", pa.RecordBatchReader.from_batches(schema, batches))
    try:
        ask(connection, f"CREATE TABLE {table} AS SELECT * FROM stream")
    finally:
        connection.unregister("stream")
