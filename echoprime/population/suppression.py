"""Small counts taken out of tables that leave a hospital, with what they could be reckoned back from.

Three rules. A row is hidden where one of the counts behind it lies between 1 and the least count: studies,
patients, assessed and not, called and not, with a known value and without. Rows that add up to a whole are
never hidden alone, see `hidden_places`. What is hidden in one table is hidden in those that say more of it: a
group that is too small in all, an estimate's in its calls, both in what is compared with known values.
Hidden numbers are null, and `hidden` says so. The flow and the composition count files and rows, not
findings, and are left as they are; so is how many studies are further ones of the same patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from echoprime.population.analysed import Analysed
from echoprime.population.small_counts import Row, SmallGroups, hidden_places, hide, is_small, small_groups
from echoprime.population.table_one_suppression import hide_in_table_one

HIDDEN = pa.field("hidden", pa.bool_())

SUPPRESSED = (
    "table_one", "distribution", "prevalence", "trend", "slopes", "change", "call_change", "agreement",
    "discrimination",
)  # fmt: skip

_NEVER_ALONE = ("minimum", "maximum")
"""Values of one study each: never shown where counts are hidden."""

_NAMES = frozenset(
    ("phenotype", "counted", "by", "level", "unit", "threshold", "measure", "period", "starts", "column")
)
"""Columns that say what a row is of: they stay."""

Part = tuple[str, str, str]
"""Phenotype, what is counted, and the column that makes groups: rows that agree add up to a whole."""

Levels = dict[Part, set[str]]
"""The hidden groups of each part."""


def suppress(tables: Mapping[str, pa.Table], analysed: Analysed, least: int) -> dict[str, pa.Table]:
    """Hide what is too small.

    Parameters
    ----------
    tables
        Name -> table, all of a study.
    analysed
        What they were made of.
    least
        Counts of studies and patients from 1 to below it are hidden; 1 = none.

    Returns
    -------
    dict
        With a column `hidden`; the flow and the composition as they are.
    """
    rows = {
        name: [{**row, "hidden": False} for row in tables[name].to_pylist()]
        for name in SUPPRESSED
        if name in tables
    }
    if least > 1:
        groups = small_groups(analysed, least)
        _hide_over_time(rows, least)
        _hide_by_group(rows, groups, least)
        for row in [*rows["change"], *rows["call_change"]]:
            if any(is_small(count, least) for count in _changed(row)):
                hide(row, _NAMES)
        hide_in_table_one(rows["table_one"], groups, least)
    return {
        name: pa.Table.from_pylist(rows[name], table.schema.append(HIDDEN)) if name in rows else table
        for name, table in tables.items()
    }


def _hide_by_group(rows: Mapping[str, list[Row]], groups: Mapping[str, SmallGroups], least: int) -> None:
    """The four tables whose rows are groups, each after the one of which it says more."""
    estimates = _hidden_levels(rows["distribution"], _estimated, groups, {}, least)
    calls = _hidden_levels(rows["prevalence"], _called, groups, estimates, least)
    compared = {
        "distribution": estimates,
        "prevalence": calls,
        "agreement": _hidden_levels(rows["agreement"], _compared, groups, estimates, least),
        "discrimination": _hidden_levels(
            rows["discrimination"], _told_apart, groups, estimates | calls, least
        ),
    }
    for name, hidden in compared.items():
        for row in rows[name]:
            if row["level"] in hidden[_part(row)]:
                hide(row, _NAMES)
            row |= {column: None for column in _NEVER_ALONE if column in row}
            row["level"] = groups[row["by"]].renamed.get(row["level"], row["level"])


def _hidden_levels(
    rows: Sequence[Row],
    counts: Callable[[Row], list[int]],
    groups: Mapping[str, SmallGroups],
    before: Levels,
    least: int,
) -> Levels:
    """The hidden groups of a table's parts, those of `before` with them."""
    parts = _parts(rows)
    found: Levels = {}
    for part, members in parts.items():
        phenotype, counted, by = part
        (whole,) = parts[phenotype, counted, ""]
        numbers = [counts(row) for row in [*members, whole]]
        start = groups[by].hidden | before.get(part, set())
        if counted == "patients":
            # each patient's first study: what is left of all studies are the further ones
            every = phenotype, "studies", by
            start |= found[every]
            others = [counts(row) for row in [*parts[every], *parts[phenotype, "studies", ""]]]
            numbers = [
                [*mine, *(more - fewer for more, fewer in zip(other, mine, strict=True))]
                for mine, other in zip(numbers, others, strict=True)
            ]
        levels = [row["level"] for row in members]
        places = hidden_places(
            numbers[:-1],
            least,
            start=[place for place, level in enumerate(levels) if level in start],
            whole=numbers[-1],
        )
        found[part] = {levels[place] for place in places}
    return found


def _hide_over_time(rows: Mapping[str, list[Row]], least: int) -> None:
    """Periods, and the studies without a day, add up to all studies; the slopes count the dated ones."""
    wholes = {
        (measure, row["phenotype"]): counts(row)
        for measure, table, counts in (
            ("mean", "distribution", _estimated), ("share called", "prevalence", _called)
        )
        for row in rows[table]
        if _part(row)[1:] == ("studies", "")
    }  # fmt: skip
    slopes = {(row["measure"], row["phenotype"]): row for row in rows["slopes"]}
    periods: dict[tuple[str, str], list[Row]] = {what: [] for what in slopes}
    for row in rows["trend"]:
        periods[row["measure"], row["phenotype"]].append(row)
    for what, members in periods.items():
        numbers = [_of_period(row) for row in members]
        # patients may come in several periods; of the undated no more is known than their studies
        dated = [sum(counts[which] for counts in numbers) for which in range(len(wholes[what]))]
        undated = [whole - part for whole, part in zip(wholes[what], dated, strict=True)]
        undated[_PATIENTS] = undated[_ASSESSED]
        # first 0: the undated cannot be hidden in a period's stead, for the slopes count all dated studies
        parts = [*numbers, [0, *undated[1:]]]
        # by their size first, for it stands in the rows of every phenotype
        sizes = [[counts[0], counts[0]] for counts in numbers] + [[0, undated[0]]]
        places = hidden_places(parts, least, start=hidden_places(sizes, least))
        if any(is_small(count, least) for count in wholes[what]):
            places = set(range(len(members) + 1))
        slope = slopes[what]
        of_slope = [slope["patients"], *dated[_ASSESSED:]]
        if len(members) in places or any(is_small(count, least) for count in of_slope):
            hide(slope, _NAMES)
        for place in places - {len(members)}:
            hide(members[place], _NAMES)


def _part(row: Row) -> Part:
    return row["phenotype"], row.get("counted", "studies"), row["by"]


def _parts(rows: Iterable[Row]) -> dict[Part, list[Row]]:
    """Rows that agree: the groups that add up to a whole."""
    parts: dict[Part, list[Row]] = {}
    for row in rows:
        parts.setdefault(_part(row), []).append(row)
    return parts


_PATIENTS, _ASSESSED = 1, 2
"""Where these stand among a row's counts; studies come first."""


def _estimated(row: Row) -> list[int]:
    return [row["studies"], row["patients"], row["assessed"], row["studies"] - row["assessed"]]


def _called(row: Row) -> list[int]:
    return [*_estimated(row), row["called"], row["assessed"] - row["called"]]


def _of_period(row: Row) -> list[int]:
    if row["measure"] == "mean":
        return _estimated(row)
    return _called({**row, "called": round((row["value"] or 0) * row["assessed"])})


def _changed(row: Row) -> list[int]:
    cells = ("stayed_no", "no_to_yes", "yes_to_no", "stayed_yes")
    return [row["patients"], *(row[name] for name in cells if name in row)]


def _compared(row: Row) -> list[int]:
    without = [row["studies"] - row["known"], row["known"] - row["pairs"]]
    return [row["studies"], row["patients"], row["pairs"], *without]


def _told_apart(row: Row) -> list[int]:
    cells: list[Any] = [row[name] or 0 for name in ("true_yes", "false_yes", "false_no", "true_no")]
    return [*_compared(row), row["positives"], row["pairs"] - row["positives"], *cells]
