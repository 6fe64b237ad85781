"""Small counts taken out of table one, whose columns and levels add up both ways, from table to table.

A variable's levels, and those without a value as one more, add up to a column's studies. Columns are of two
kinds: the ones of all analysed studies, which are alike in every table and so hide the same levels in all of
them; and the ones that tell these, or the cohort, apart, which hide those levels and further ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from echoprime.population.small_counts import Row, SmallGroups, hidden_names, hidden_places, hide, is_small
from echoprime.population.table_one import ANALYSED, LEFT_OUT

_NAMES = frozenset(("table", "variable", "level", "group"))
_MISSING = "\0"
"""The level of those without a value: no text of a cohort's."""

_NUMBER = ""
"""The level of those with a value, of a variable of numbers."""

Column = tuple[str, str]
"""Table and group."""


def hide_in_table_one(rows: list[Row], groups: Mapping[str, SmallGroups], least: int) -> None:
    """Hide in place.

    Parameters
    ----------
    rows
        Of all tables.
    groups
        See `small_groups`; "" = all analysed studies.
    least
        Counts from 1 to below it are hidden.
    """
    sizes = {(row["table"], row["group"]): row["number"] for row in rows if not row["variable"]}
    left_out = sizes.get((ANALYSED, LEFT_OUT), 0)
    # of all analysed studies
    bases = [
        (table, ANALYSED if table == ANALYSED and left_out else "") for table, group in sizes if not group
    ]
    closed = {column for column in sizes if column[0] in groups and column[1] in groups[column[0]].hidden}
    if is_small(left_out, least):
        # the cohort less the analysed are those left out
        closed |= {(ANALYSED, LEFT_OUT), (ANALYSED, "")}
    if groups[""].hidden or any(is_small(sizes[base], least) for base in bases):
        closed = set(sizes)
    for variable in dict.fromkeys(row["variable"] for row in rows if row["variable"]):
        _hide_variable([row for row in rows if row["variable"] == variable], sizes, bases, closed, least)
    for row in rows:
        if (row["table"], row["group"]) in closed:
            hide(row, _NAMES)
        if row["table"] in groups:
            row["group"] = groups[row["table"]].renamed.get(row["group"], row["group"])


def _hide_variable(
    rows: Sequence[Row], sizes: Mapping[Column, int], bases: Sequence[Column], closed: set[Column], least: int
) -> None:
    """Levels of one variable, in every table: small ones, and those that they could be reckoned back from."""
    cells = _cells(rows, sizes)
    levels = list(dict.fromkeys(level for column in cells.values() for level in column))
    mine = [base for base in bases if base in cells]
    sums = [[sum(column[level] for column in cells.values())] for level in levels]
    tables: dict[str, list[list[int]]] = {}
    for table, _ in cells:
        shown: list[list[int]] = []
        merged: list[list[int]] = []  # columns hidden as a whole are known together
        for column in cells:
            if column[0] == table and column not in mine:
                (merged if column in closed else shown).append([cells[column][level] for level in levels])
        if merged and table != ANALYSED:
            shown.append([sum(each) for each in zip(*merged, strict=True)])
        tables[table] = shown
    numbers = [
        [*total, *(cells[base][level] for base in mine)] for total, level in zip(sums, levels, strict=True)
    ]
    everywhere = hidden_places(numbers, least)
    hidden: dict[Column, tuple[set[str], bool]] = {}
    for column in cells:
        places, counts = everywhere, numbers
        if column not in mine:
            counts = [[*row, *(each[at] for each in tables[column[0]])] for at, row in enumerate(sums)]
            places = hidden_places(counts, least, start=everywhere)
            counts = [[*one, *other] for one, other in zip(numbers, counts, strict=True)]
        small = any(is_small(count, least) for count in counts[0][1:])
        hidden[column] = {levels[place] for place in places}, small
    few = _few(rows, least)
    for row in rows:
        names, small = hidden[row["table"], row["group"]]
        of_all = row["table"], ""
        if of_all in closed or _MISSING in hidden[of_all][0]:
            row["missing"] = None
        if row["level"] == _NUMBER and row["level"] in names and not small:
            row["number"] = row["missing"] = None  # the mean says nothing of how many have none
        elif row["level"] in names or row["level"] in few:
            hide(row, _NAMES)
        elif _MISSING in names:
            row["shown"] = str(row["number"])  # per cent would say how many have a value
    touched = {row["table"] for row in rows if row["number"] is None} | {table for table, _ in closed}
    for row in rows:
        if row["table"] in touched:
            row["smd"] = ""
        row["level"] = few.get(row["level"], row["level"])


def _cells(rows: Sequence[Row], sizes: Mapping[Column, int]) -> dict[Column, dict[str, int]]:
    """Studies of each level in each column, those without a value last."""
    cells: dict[Column, dict[str, int]] = {}
    for row in rows:
        # a level that no analysed study has stands in the cohort's table alone
        levels = cells.setdefault((row["table"], row["group"]), defaultdict(int))
        levels[row["level"]] = row["number"]
    for column, levels in cells.items():
        levels[_MISSING] = sizes[column] - sum(levels.values())
    return cells


def _few(rows: Sequence[Row], least: int) -> dict[str, str]:
    """Names of levels that no more than a few have, in whatever table all are together."""
    most: dict[Any, int] = {}
    for row in rows:
        if not row["group"] and row["level"] != _NUMBER:
            most[row["level"]] = max(most.get(row["level"], 0), row["number"])
    return hidden_names(level for level, number in most.items() if is_small(number, least))
