"""Small counts taken out of tables that leave a hospital, with what they could be reckoned back from.

A row is hidden where one of the counts behind it lies between 1 and the least count. Levels of a column add
up to the row of all, so one hidden level alone could be reckoned back: others are hidden with it, smallest
first, until at least two are, and together they hold the least count.
Hidden numbers are null, and `hidden` says so.
The flow and the composition count files and rows, not findings, and are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa

Row = dict[str, Any]

HIDDEN = pa.field("hidden", pa.bool_())

_NEVER_ALONE = ("minimum", "maximum")
"""Values of one study each: never shown where counts are hidden."""


def suppress(name: str, table: pa.Table, least: int) -> pa.Table:
    """Hide what is too small.

    Parameters
    ----------
    name
        Of the table: distribution, prevalence, trend, ...
    table
        From the functions that make them.
    least
        Counts of studies and patients from 1 to below it are hidden; 1 = none.

    Returns
    -------
    pyarrow.Table
        With a column `hidden`; the flow and the composition as they are.
    """
    if name not in _KEYS:
        return table
    schema = table.schema.append(HIDDEN)
    rows = [{**row, "hidden": False} for row in table.to_pylist()]
    if least > 1:
        keys, level, counts = _KEYS[name]
        if name == "table_one":
            _hide_in_table_one(rows, least)
        else:
            for part in _parts(rows, keys):
                numbers = [counts(row) for row in part]
                for place in hidden_places(numbers, least):
                    _hide(part[place], {*keys, *level})
            for row in rows:
                row |= {column: None for column in _NEVER_ALONE if column in row}
    return pa.Table.from_pylist(rows, schema)


def hidden_places(numbers: Sequence[Sequence[int]], least: int) -> set[int]:
    """Which rows of a partition are hidden.

    Parameters
    ----------
    numbers
        For each row its counts, the one that says how large it is first.
    least
        See `suppress`.

    Examples
    --------
    >>> sorted(hidden_places([[3], [40], [12], [90]], 10))
    [0, 2]
    >>> hidden_places([[0], [40]], 10)
    set()
    """
    hidden = {place for place, counts in enumerate(numbers) if any(0 < count < least for count in counts)}
    others = sorted(
        (place for place, counts in enumerate(numbers) if place not in hidden and counts[0] > 0),
        key=lambda place: numbers[place][0],
    )
    while hidden and others:
        sums = [sum(numbers[place][which] for place in hidden) for which in range(len(numbers[0]))]
        if len(hidden) > 1 and not any(0 < total < least for total in sums):
            break
        hidden.add(others.pop(0))
    return hidden


def _hide(row: Row, kept: set[str]) -> None:
    row |= {column: None for column in row if column not in kept}
    row["hidden"] = True


def _parts(rows: Iterable[Row], keys: Sequence[str]) -> list[list[Row]]:
    """Rows that agree in the keys: the levels that add up to a whole."""
    parts: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        parts.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(parts.values())


def _sized(row: Row) -> list[int]:
    return [row["patients"], row["studies"]]


def _alone(row: Row) -> list[int]:
    return [row["patients"]]


def _called(row: Row) -> list[int]:
    return [row["patients"], row["studies"], row["called"], row["assessed"] - row["called"]]


def _of_period(row: Row) -> list[int]:
    if row["measure"] == "mean" or row["value"] is None:
        return [row["patients"], row["studies"], 0, 0]
    called = round(row["value"] * row["assessed"])
    return [row["patients"], row["studies"], called, row["assessed"] - called]


def _changed(row: Row) -> list[int]:
    return [row["patients"], *(row[name] for name in ("stayed_no", "no_to_yes", "yes_to_no", "stayed_yes"))]


def _told_apart(row: Row) -> list[int]:
    cells = [row[name] or 0 for name in ("true_yes", "false_yes", "false_no", "true_no")]
    return [row["patients"], row["studies"], row["positives"], row["pairs"] - row["positives"], *cells]


_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Row], list[int]]]] = {
    # table: columns that a partition agrees in, columns that name its rows, counts behind a row
    "distribution": (("phenotype", "counted", "by"), ("level", "unit"), _sized),
    "prevalence": (("phenotype", "counted", "by"), ("level", "threshold"), _called),
    "trend": (("phenotype", "measure"), ("period", "starts"), _of_period),
    "slopes": (("phenotype", "measure"), (), _alone),
    "change": (("phenotype",), ("unit",), _alone),
    "call_change": (("phenotype",), (), _changed),
    "agreement": (("phenotype", "by"), ("column", "level", "unit"), _sized),
    "discrimination": (("phenotype", "by"), ("column", "level", "threshold"), _told_apart),
    "table_one": (("table", "variable"), ("level", "group"), lambda row: [row["number"]]),
}


def _hide_in_table_one(rows: list[Row], least: int) -> None:
    """Groups that are small as a whole; then levels that are small in some group, in every group alike."""
    kept = {"table", "variable", "level", "group"}
    for table in _parts(rows, ["table"]):
        sizes = [row for row in table if row["variable"] == "" and row["group"]]
        places = hidden_places([[row["number"]] for row in sizes], least)
        small_groups = {sizes[place]["group"] for place in places}
        for variable in _parts([row for row in table if row["variable"]], ["variable"]):
            _hide_levels(variable, small_groups, least, kept)
        for row in table:
            if row["group"] in small_groups:
                _hide(row, kept)
            if row["missing"] is not None and 0 < row["missing"] < least:
                row["missing"] = None


def _hide_levels(rows: list[Row], small_groups: set[str], least: int, kept: set[str]) -> None:
    """Of one variable: a level hidden in one group is hidden in all, but not where all are together."""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    apart = [group for group in groups if group and group not in small_groups]
    for chosen in (apart, [""]):
        levels = _parts([row for row in rows if row["group"] in chosen], ["level"])
        if not levels:
            continue
        numbers = [[sum(each), *each] for each in ([row["number"] for row in level] for level in levels)]
        for place in hidden_places(numbers, least):
            for row in levels[place]:
                _hide(row, kept)
