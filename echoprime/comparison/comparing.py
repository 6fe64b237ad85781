"""Compare two interpretations: tables to numbers and files, out of memory.

comparison = compare_tables(open_side(first), open_side(second), folder)
html = comparison_page(comparison)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from echoprime.archive.sorting import batches, connect, parquet
from echoprime.comparison import statements
from echoprime.comparison.agreement import CallChange, ValueChange, call_change, value_change
from echoprime.comparison.sentences import write_changes
from echoprime.comparison.sides import Side, require_comparable
from echoprime.errors import TableError
from echoprime.tables.identity import changed_settings

REPORTS_AT_ONCE = 4_096
LARGEST_SHOWN, SENTENCES_SHOWN, POINTS_SHOWN = 25, 40, 400

FILES = ("studies.parquet", "studies.csv", "values.csv", "calls.csv", "sentences.parquet", "sentences.csv",
         "sections.csv")  # fmt: skip
"""What a comparison writes beside its page."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between two interpretations, as numbers; the full tables are in its folder.

    Attributes
    ----------
    first, second
        Names of the two.
    settings
        What they were made with where it differs: (name, first, second).
    notices
        What must be said beside every number.
    both, only_first, only_second
        Studies by the tables that have them.
    other_content
        Studies of both whose videos changed between the two.
    changed
        Studies with a changed value, call, or report, by those words.
    values, calls
        One a phenotype.
    sections, sentences
        Rows of dicts: see `statements.SECTIONS`, `SENTENCES` (the most frequent ones).
    largest
        Studies with the largest changes of a phenotype with a scale: rows of dicts with `phenotype`, `first`,
        `second`.
    points
        Phenotype -> float64 (2, n): values of an even choice of studies, first and second.
    """

    first: str
    second: str
    settings: list[tuple[str, str, str]]
    notices: list[str]
    both: int
    only_first: int
    only_second: int
    other_content: int
    changed: dict[str, int]
    values: list[ValueChange]
    calls: list[CallChange]
    sections: list[dict[str, Any]]
    sentences: list[dict[str, Any]]
    sentences_in_all: int
    largest: list[dict[str, Any]]
    points: dict[str, NDArray[Any]]


def compare_tables(first: Side, second: Side, folder: Path) -> Comparison:
    """Compare the studies that both tables have, and write `FILES`.

    Parameters
    ----------
    first, second
        From `open_side`.
    folder
        Empty; gets the files, and scratch files that are removed again.

    Raises
    ------
    TableError
        They are one table, have other phenotypes, or no study in common.
    """
    require_comparable(first, second)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    for name, side in (("a", first), ("b", second)):
        side.write(scratch / f"{name}.parquet")
    connection = connect(scratch)
    # Two threads add in another order each time, and the last digits of a mean differ.
    connection.execute("SET threads = 1")
    try:
        for name in ("a", "b"):
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {parquet(scratch / f'{name}.parquet')}")
        comparison = _compared(connection, first, second, folder, scratch)
    finally:
        connection.close()
    for path in sorted(scratch.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    scratch.rmdir()
    return comparison


def _compared(
    connection: duckdb.DuckDBPyConnection, first: Side, second: Side, folder: Path, scratch: Path
) -> Comparison:
    phenotypes = first.phenotypes
    calls = [name for name in phenotypes if name in first.calls or name in second.calls]
    _keep(connection, "both_sides", statements.joined(phenotypes, first.calls, second.calls), scratch)
    both = _one(connection, "SELECT count(*) FROM both_sides")
    if not both:
        raise TableError(
            f"tables {first.table.location} and {second.table.location} have no study in common; "
            "compare interpretations of one archive"
        )
    values = [value_change(name, _rows(connection, statements.value_summary(name))[0]) for name in phenotypes]
    changes = "SELECT study_id, a.report AS first, b.report AS second FROM a JOIN b USING (study_id) "
    changes += "WHERE a.report <> b.report ORDER BY study_id"
    write_changes(batches(connection, changes, REPORTS_AT_ONCE), folder / "sentences.parquet")
    connection.execute(f"CREATE VIEW changes AS SELECT * FROM {parquet(folder / 'sentences.parquet')}")
    scales = {each.name: each.scale for each in values}
    _copy(
        connection,
        statements.studies(scales, calls),
        folder / "studies.parquet",
        "FORMAT parquet, COMPRESSION zstd",
    )
    connection.execute(f"CREATE VIEW studies AS SELECT * FROM {parquet(folder / 'studies.parquet')}")
    _copy(connection, "SELECT * FROM studies ORDER BY study_id", folder / "studies.csv", "FORMAT csv, HEADER")
    _copy(connection, statements.SECTIONS, folder / "sections.csv", "FORMAT csv, HEADER")
    _copy(connection, statements.SENTENCES, folder / "sentences.csv", "FORMAT csv, HEADER")
    call_changes = [call_change(name, _rows(connection, statements.call_counts(name))) for name in calls]
    _write_small(folder, values, call_changes)
    notices = "SELECT DISTINCT notice FROM (SELECT notice FROM a UNION ALL SELECT notice FROM b) "
    return Comparison(
        first=first.name,
        second=second.name,
        settings=changed_settings(first.table.identity, second.table.identity),
        notices=[row["notice"] for row in _rows(connection, notices + "WHERE notice <> '' ORDER BY notice")],
        both=both,
        only_first=_one(connection, "SELECT count(*) FROM a ANTI JOIN b USING (study_id)"),
        only_second=_one(connection, "SELECT count(*) FROM b ANTI JOIN a USING (study_id)"),
        other_content=_one(connection, "SELECT count(*) FROM studies WHERE NOT same_content"),
        changed={
            "value": _one(connection, "SELECT count(*) FROM studies WHERE values_changed > 0"),
            "call": _one(connection, "SELECT count(*) FROM studies WHERE calls_changed > 0"),
            "report": _one(connection, "SELECT count(*) FROM studies WHERE sections_changed > 0"),
        },
        values=values,
        calls=call_changes,
        sections=_rows(connection, statements.SECTIONS),
        sentences=_rows(connection, f"{statements.SENTENCES} LIMIT {SENTENCES_SHOWN}"),
        sentences_in_all=_one(connection, f"SELECT count(*) FROM ({statements.SENTENCES})"),
        largest=_largest(connection),
        points=_points(connection, values),
    )


def _largest(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    query = "SELECT * FROM studies WHERE largest_change > 0 ORDER BY largest_change DESC, study_id "
    found = []
    for row in _rows(connection, f"{query} LIMIT {LARGEST_SHOWN}"):
        name = row["largest_change_of"]
        found.append(
            {
                "study_id": row["study_id"],
                "study_key": row["study_key"],
                "phenotype": name,
                "first": row[f"{name}_first"],
                "second": row[f"{name}_second"],
                **{each: row[each] for each in ("largest_change", "values_changed", "calls_changed")},
                "sections_changed": row["sections_changed"],
            }
        )
    return found


def _points(connection: duckdb.DuckDBPyConnection, values: list[ValueChange]) -> dict[str, NDArray[Any]]:
    """The same studies for every phenotype, chosen by the hash of their id: evenly, the same each time."""
    names = [each.name for each in values if each.both_known]
    columns = [statements.quoted(f"{name}_{side}") for name in names for side in ("first", "second")]
    if not columns:
        return {}
    query = f"SELECT {', '.join(columns)} FROM studies ORDER BY md5(study_id) LIMIT {POINTS_SHOWN}"
    # None becomes NaN
    drawn = np.array(connection.execute(query).fetchall(), np.float64).T.reshape(len(names), 2, -1)
    return {name: pair[:, ~np.isnan(pair).any(axis=0)] for name, pair in zip(names, drawn, strict=True)}


def _write_small(folder: Path, values: list[ValueChange], calls: list[CallChange]) -> None:
    import pandas as pd

    pd.DataFrame([each.row() for each in values]).to_csv(folder / "values.csv", index=False)
    rows = [row for each in calls for row in each.rows()]
    pd.DataFrame(rows, columns=["phenotype", "first", "second", "studies"]).to_csv(
        folder / "calls.csv", index=False
    )


def _keep(connection: duckdb.DuckDBPyConnection, name: str, query: str, scratch: Path) -> None:
    """A query's answer as a view of a scratch file: asked many times, joined once."""
    file = scratch / f"{name}.parquet"
    _copy(connection, query, file, "FORMAT parquet")
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {parquet(file)}")


def _copy(connection: duckdb.DuckDBPyConnection, query: str, file: Path, options: str) -> None:
    connection.execute(f"COPY ({query}) TO $file ({options})", {"file": str(file)})


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
