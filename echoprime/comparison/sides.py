"""The two tables of a comparison: opened, checked against each other, and brought where DuckDB reads them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.errors import TableError
from echoprime.storage import Location
from echoprime.tables import StudyTable

KEYS = ("study_id", "study_key", "report", "notice")
BATCHES_PER_GROUP = 32
"""Of 256 rows: row groups of 8,192, some 20 MB of reports."""


@dataclass(frozen=True)
class Side:
    """One interpretations table.

    Attributes
    ----------
    name
        What pages call it: its folder's name.
    table
        Opened.
    phenotypes
        Its columns of values, in order.
    calls
        Phenotypes that it has calls for.
    """

    name: str
    table: StudyTable
    phenotypes: tuple[str, ...]
    calls: tuple[str, ...]

    def write(self, file: Path) -> None:
        """The newest row of every study: keys, values, calls and report, without the evidence."""
        names = [*KEYS, *self.phenotypes, *(f"{name}_call" for name in self.calls)]
        schema = pa.schema([self.table.schema.field(name) for name in names])
        batches = self.table.newest_batches(names)
        with pq.ParquetWriter(file, schema, compression="zstd", compression_level=1) as writer:
            while group := list(islice(batches, BATCHES_PER_GROUP)):
                writer.write_table(pa.Table.from_batches(group, schema))


def open_side(location: Location) -> Side:
    """Open one interpretations table.

    Raises
    ------
    TableError
        There is none, or it is of something else.
    """
    table = StudyTable.existing(location)
    schema = table.schema
    if not {*KEYS, "sections"} <= set(schema.names):
        raise TableError(
            f"table {location} is not of interpretations; give OUT/interpretations/NAME, "
            "as `echoprime status` lists them"
        )
    phenotypes = tuple(field.name for field in schema if pa.types.is_floating(field.type))
    calls = tuple(name for name in phenotypes if f"{name}_call" in schema.names)
    return Side(location.name, table, phenotypes, calls)


def require_comparable(first: Side, second: Side) -> None:
    """Refuse two tables that have nothing to compare.

    Raises
    ------
    TableError
        They are one and the same, or have other phenotypes.
    """
    if first.table.location == second.table.location:
        raise TableError(f"both are the table {first.table.location}; give another one to compare it with")
    different = sorted(set(first.phenotypes) ^ set(second.phenotypes))
    if different:
        raise TableError(
            f"tables {first.table.location} and {second.table.location} have other phenotypes: "
            f"{', '.join(different[:5])}{' ...' if len(different) > 5 else ''} in one of them alone; compare "
            "interpretations of one bundle's phenotypes"
        )
