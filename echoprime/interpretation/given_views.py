"""Views that a user has of his videos, in place of the classifier's: a table, checked and out of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from echoprime.archive.list_file import ListFile, open_list
from echoprime.archive.sorting import connect, parquet
from echoprime.archive.study_csv import unreadable
from echoprime.bundle.cache import file_sha256
from echoprime.errors import SettingError
from echoprime.interpretation.view_names import read_view_names
from echoprime.storage import Location, canonical_hash

COLUMNS = ("path", "view")
"""Needed; `study_id` and `probability` are taken where they are there."""

MOST_NAMES = 50
"""A column of more different texts than these is none of views: what stands in it is not shown."""
NAMES_SHOWN = 5


@dataclass(frozen=True)
class GivenViews:
    """A checked table of views.

    Attributes
    ----------
    table
        Where the user has it.
    rows
        Its rows as a scratch file: path, study_id, view (a position among the bundle's views; their number =
        one that no section uses), probability.
    views
        How many views the bundle has.
    by_study
        Whether a row is of a path in a study, not of a path alone.
    sha256
        Of the table.
    names_hash
        Of the names' mapping; None = without one.
    """

    table: Location
    rows: Path
    views: int
    by_study: bool
    sha256: str
    names_hash: str | None

    @property
    def identity(self) -> dict[str, str | None]:
        """What an interpretation depends on: contents, not places."""
        return {"table": self.sha256, "names": self.names_hash}


def read_given_views(
    table: Location, names: Location | None, views: Sequence[str], scratch: Path
) -> GivenViews:
    """Read and check a table of views.

    Parameters
    ----------
    table
        See `open_list`. One or several rows a video: `path` as in the manifest, `view`, and if known
        `study_id` (where equal paths lie in several studies) and `probability`, 0..1.
    names
        See `read_view_names`: names beside the bundle's own; None = there are no others.
    views
        The bundle's.
    scratch
        Folder that is removed after the last use.

    Raises
    ------
    UserError
        It is missing or lacks a column, a row lacks path or view, a view is none of the bundle's, or a
        probability is not within 0..1.
    """
    mapping = None if names is None else read_view_names(names, views)
    rows = scratch / "given-views.parquet"
    connection = connect(scratch)
    try:
        found = open_list(connection, table, scratch)
        found.require(COLUMNS, "rename its columns")
        _write_rows(connection, found, _positions(views, mapping or {}), rows)
        _require_sound(connection, found, rows, views)
    finally:
        connection.close()
    return GivenViews(
        table=table,
        rows=rows,
        views=len(views),
        by_study="study_id" in found.columns,
        sha256=file_sha256(found.file),
        names_hash=None if mapping is None else canonical_hash(mapping),
    )


def _positions(views: Sequence[str], mapping: Mapping[str, str]) -> pa.Table:
    """The position that each name stands for: the bundle's names their own, unless the mapping says other."""
    places = {name: place for place, name in enumerate(views)} | {"": len(views)}
    found = {name: places[mapping.get(name, name)] for name in [*views, *mapping]}
    return pa.table({"name": list(found), "place": pa.array(found.values(), pa.int8())})


def _write_rows(
    connection: duckdb.DuckDBPyConnection, table: ListFile, positions: pa.Table, rows: Path
) -> None:
    """Names as positions; what is not known keeps its text in `unknown`, and `wrong` marks probabilities."""
    names = ("path", "study_id", "view", "probability")
    texts = ", ".join(f"{table.text(name)} AS {name}" for name in names)
    number = "try_cast(probability AS DOUBLE)"
    connection.register("positions", positions)
    try:
        connection.execute(
            "COPY (SELECT path, study_id, place AS view, CASE WHEN place IS NULL THEN view END AS unknown, "
            f"view IS NULL AS without, {number} AS probability, "
            f"probability IS NOT NULL AND coalesce({number} NOT BETWEEN 0 AND 1, true) AS wrong "
            f"FROM (SELECT {texts} FROM {table.table}) "
            "LEFT JOIN positions ON view = name) TO $rows (FORMAT parquet)",
            {"rows": str(rows)},
        )
    except duckdb.Error as error:
        raise SettingError(unreadable(table.place, error)) from None


def _require_sound(
    connection: duckdb.DuckDBPyConnection, found: ListFile, rows: Path, views: Sequence[str]
) -> None:
    table, place = found.place, parquet(rows)
    # a row is found by its study too where the table has that column
    needed = [name for name in ("path", "view", "study_id") if name != "study_id" or name in found.columns]
    lacks = "path IS NULL OR without" + " OR study_id IS NULL" * ("study_id" in needed)
    (counts,) = connection.execute(
        f"SELECT count(*), count(*) FILTER ({lacks}), count(unknown), "
        f"count(DISTINCT unknown), count(*) FILTER (wrong) FROM {place}"
    ).fetchall()
    all_rows, lacking, unknown, names, wrong = counts
    if not all_rows:
        raise SettingError(f"--views {table}: has no row; give a table of videos, or leave --views out")
    if lacking:
        raise SettingError(
            f"--views {table}: {lacking:,} rows without {' or '.join(needed)}; fill or remove them"
        )
    if unknown:
        shown = ""
        if names <= MOST_NAMES:
            query = f"SELECT unknown FROM {place} GROUP BY unknown ORDER BY count(unknown) DESC, unknown"
            there = [name for (name,) in connection.execute(query).fetchall() if name is not None]
            shown = f" ({', '.join(map(repr, there[:NAMES_SHOWN]))}{', ...' if names > NAMES_SHOWN else ''})"
        raise SettingError(
            f"--views {table}: the view of {unknown:,} rows{shown} is none of the bundle's; say what it is "
            f"in a CSV (--view-names, columns view, echoprime_view), or write one of {', '.join(views)}"
        )
    if wrong:
        raise SettingError(
            f"--views {table}: the probability of {wrong:,} rows is no number from 0 to 1; leave unknown "
            "ones empty"
        )
