"""What kind of column a cohort's column is, and the refusal of what cannot be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from echoprime.errors import CohortError
from echoprime.population.workspace import ask, ask_one, quoted, shape_expression

Kind = Literal["number", "category", "text"]

MOST_LEVELS = 30
"""A text column with more different values is no category: free text, names, identifiers. It is left out."""

LEAST_REPEATS = 2
"""Rows that a category has for each of its levels, at least: names of few people do not repeat like that."""


@dataclass(frozen=True)
class Column:
    """One column of a cohort.

    Attributes
    ----------
    name
        As the file has it.
    kind
        number (float64), category (at most 30 different texts, and at most half as many as rows with one; or
        only 0 and 1), or text: left out.
    levels
        Of a category, sorted.
    missing
        Rows without a value.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...]
    missing: int


def number_expression(name: str, decimal_comma: bool) -> str:
    """SQL for a text column read as finite numbers; NULL where it is none."""
    text = f"replace({quoted(name)}, ',', '.')" if decimal_comma else quoted(name)
    value = f"try_cast({text} AS DOUBLE)"
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def describe_columns(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], source: str, decimal_comma: bool
) -> list[Column]:
    """Look at the texts of table `raw`.

    Parameters
    ----------
    connection
        Has table `raw`, all text, missing values NULL.
    names
        Its columns.
    source
        What messages call the file.
    decimal_comma
        Whether 55,3 is a number.

    Raises
    ------
    CohortError
        A column is empty in every row.
    """
    if not names:
        return []
    asked = ", ".join(
        f"count({quoted(name)}), count({number_expression(name, decimal_comma)}), "
        f"count(DISTINCT {quoted(name)}), count(*)"
        for name in names
    )
    row = ask_one(connection, f"SELECT {asked} FROM raw")
    found = []
    for place, name in enumerate(names):
        known, numbers, distinct, rows = row[4 * place : 4 * place + 4]
        if known == 0:
            raise CohortError(
                f"{source}: column {name!r} is empty in all {rows:,} rows; fill it, or leave it out with "
                f"--ignore {name!r}"
            )
        levels = _levels(connection, name) if distinct <= MOST_LEVELS else ()
        kind: Kind = "text" if distinct > min(MOST_LEVELS, known / LEAST_REPEATS) else "category"
        if numbers == known and levels and set(levels) <= {"0", "1", "0.0", "1.0"}:
            kind, levels = "category", tuple(sorted({level[0] for level in levels}))
        elif numbers == known:
            kind, levels = "number", ()
        elif kind == "text":
            levels = ()
        found.append(Column(name, kind, levels, rows - known))
    return found


def require_numbers(
    connection: duckdb.DuckDBPyConnection, name: str, source: str, decimal_comma: bool, cure: str
) -> None:
    """Refuse a column that must hold numbers and holds something else.

    Raises
    ------
    CohortError
        Saying in how many rows, and what it looks like: digits as 0, letters as a.
    """
    wrong = ask_one(
        connection,
        f"SELECT count(*), min({shape_expression(name)}) FROM raw WHERE {quoted(name)} IS NOT NULL "
        f"AND {number_expression(name, decimal_comma)} IS NULL",
    )
    if wrong and wrong[0]:
        raise CohortError(
            f"{source}: {name} of {wrong[0]:,} rows is no number (it looks like {wrong[1]!r}); {cure}"
        )


def typed_expression(column: Column, decimal_comma: bool) -> str:
    """SQL for a column of `raw` as its kind has it."""
    if column.kind == "number":
        return number_expression(column.name, decimal_comma)
    if set(column.levels) <= {"0", "1"}:
        return f"left({quoted(column.name)}, 1)"
    return quoted(column.name)


def _levels(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[str, ...]:
    rows = ask(connection, f"SELECT DISTINCT {quoted(name)} FROM raw WHERE {quoted(name)} IS NOT NULL")
    return tuple(sorted(str(row[0]) for row in rows))
