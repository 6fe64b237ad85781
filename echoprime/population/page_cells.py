"""Cells and columns of a population's page: numbers as people read them, what is hidden as a word."""

from __future__ import annotations

from typing import Any

from echoprime.pages.page import NOTHING, number, words

Row = dict[str, Any]
Table = dict[str, Any]
"""What a template is given: drawings, columns and rows of a part of the page."""

HIDDEN = "hidden"
"""What stands where a count is too small to be shown."""

SHORT = 24
"""Letters of a group's name below which it is not broken."""


def interval(low: float | None, high: float | None, digits: int = 1, factor: float = 1.0) -> str:
    """An interval as pages show it.

    Examples
    --------
    >>> interval(0.123, 0.456, 1, 100)
    '12.3 to 45.6'
    """
    if low is None or high is None:
        return NOTHING
    return f"{number(factor * low, digits)} to {number(factor * high, digits)}"


def cell(row: Row, text: str) -> str:
    return HIDDEN if row["hidden"] else text


def head(*labels: str) -> list[dict[str, Any]]:
    """Columns of a table: the first, and those that begin with a point, are words; the others numbers."""
    return [
        {"label": label.removeprefix("."), "number": place > 0 and not label.startswith(".")}
        for place, label in enumerate(labels)
    ]


def group_of(row: Row) -> str:
    """The group that a row is of; short ones stay on one line."""
    counted = ", first study of each patient" if row.get("counted") == "patients" else ""
    name = "all" if not row["by"] else f"{words(row['by'])}: {row['level']}"
    return (name.replace(" ", "\N{NO-BREAK SPACE}") if len(name) < SHORT else name) + counted
