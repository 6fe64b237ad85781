"""Table one: what the cohort is like, by tableone; who was left out beside who was analysed, then by group."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from echoprime.population.analysed import Analysed, Grouping
from echoprime.population.cohort import Cohort, of_cohort
from echoprime.population.workspace import quoted

TABLE_ONE = pa.schema(
    [
        pa.field(
            "table", pa.string()
        ),  # "analysed" (every row of the cohort), or the column that makes groups
        pa.field("variable", pa.string()),
        pa.field("level", pa.string()),  # of a category; "" = a number, or the row of counts
        pa.field("group", pa.string()),  # "all", or a level of the table's column
        pa.field("missing", pa.int64()),  # in all groups together
        pa.field("number", pa.int64()),  # studies (rows) of the level, or with a value
        pa.field("shown", pa.string()),  # as tableone writes it: mean (SD), or number (per cent)
        pa.field("smd", pa.string()),  # standardised mean difference, two groups alone
    ]
)
ANALYSED, LEFT_OUT = "analysed", "left out"


def tables_one(
    connection: duckdb.DuckDBPyConnection, cohort: Cohort, by: Sequence[str], analysed: Analysed
) -> pa.Table:
    """Columns as in `TABLE_ONE`.

    Parameters
    ----------
    connection
        After `join_cohort`.
    cohort
        Its numbers and categories are the variables.
    by
        Columns of which each makes a table of the analysed studies.
    analysed
        Its groupings are those of `by`.
    """
    columns = [column for column in cohort.columns if column.kind != "text"]
    if not columns:
        return TABLE_ONE.empty_table()
    numbers = [column.name for column in columns if column.kind == "number"]
    categories = [column.name for column in columns if column.kind == "category"]
    picked = ", ".join(f"{quoted(of_cohort(name))} AS {quoted(name)}" for name in [*numbers, *categories])
    rows: list[dict[str, Any]] = []
    frame = _frame(
        connection,
        f"SELECT {picked}, cohort_key NOT IN (SELECT cohort_key FROM left_out) AS is_analysed FROM cohort "
        "ORDER BY cohort_key",
        numbers,
        categories,
    )
    groups = pd.Categorical(np.where(frame.pop("is_analysed"), ANALYSED, LEFT_OUT), [ANALYSED, LEFT_OUT])
    rows += _one(frame, numbers, categories, groups, ANALYSED)
    if by:
        frame = _frame(connection, f"SELECT {picked} FROM analysed ORDER BY study_id", numbers, categories)
        for grouping in analysed.groupings[1:]:
            kept = [name for name in categories if name != grouping.by]
            rows += _one(frame, numbers, kept, _groups(grouping), grouping.by)
    return pa.Table.from_pylist(rows, TABLE_ONE)


def _groups(grouping: Grouping) -> pd.Categorical:
    return pd.Categorical.from_codes(grouping.codes, categories=list(grouping.levels))


def _frame(
    connection: duckdb.DuckDBPyConnection, query: str, numbers: Sequence[str], categories: Sequence[str]
) -> pd.DataFrame:
    """Numbers as float64, categories as pandas has them: a byte a row, not a text."""
    found = connection.execute(query).fetchnumpy()
    frame: dict[str, Any] = {
        name: np.ma.filled(np.ma.asarray(found[name], np.float64), np.nan) for name in numbers
    }
    for name in categories:
        values = np.ma.filled(np.ma.asarray(found[name], object), None)
        frame[name] = pd.Categorical(values)
    if "is_analysed" in found:
        frame["is_analysed"] = np.asarray(found["is_analysed"], np.bool_)
    return pd.DataFrame(frame)


def _one(
    frame: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str], groups: pd.Categorical, table: str
) -> list[dict[str, Any]]:
    """One table, a row a variable, level and group."""
    from tableone import TableOne

    names = [*numbers, *categories]
    used = [level for level in groups.categories if (groups == level).any()]
    # by numbers: tableone tells its own rows and columns ("n", "Overall") from ours by their names alone
    ours = {name: f"v{place}" for place, name in enumerate(names)}
    data = frame[names].rename(columns=ours)
    data["group"] = pd.Categorical(groups, used).rename_categories(
        [f"g{place}" for place in range(len(used))]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant or empty columns, whose cells say so
        made = TableOne(
            data,
            columns=list(ours.values()),
            categorical=[ours[name] for name in categories],
            groupby="group" if len(used) > 1 else None,
            pval=False,
            smd=len(used) == 2,
            include_null=False,
            label_suffix=False,
            sort=False,
        ).tableone
    made.columns = [column[-1] if isinstance(column, tuple) else column for column in made.columns]
    difference = next((column for column in made.columns if str(column).startswith("SMD")), None)
    groups_shown = {"all": "Overall"} | (
        {each: f"g{place}" for place, each in enumerate(used)} if len(used) > 1 else {}
    )
    theirs = {short: name for name, short in ours.items()} | {"n": ""}
    counted = _counts(data, numbers, categories, ours)
    least_group = min(int((groups == level).sum()) for level in used)
    rows: list[dict[str, Any]] = []
    for (variable, level), cells in made.iterrows():
        for group, column in groups_shown.items():
            rows.append(
                {
                    "table": table, "variable": theirs[variable], "level": level, "group": group,
                    "missing": len(data) - counted[variable, "Overall"] if variable != "n" else None,
                    "number": counted.get((variable, level, column), 0),
                    "shown": _shown(str(cells[column]), counted.get((variable, "", column), 2)),
                    "smd": _shown(str(cells[difference])) if difference and least_group > 1 else "",
                }
            )  # fmt: skip
    return rows


def _counts(
    data: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str], ours: dict[str, str]
) -> dict[tuple[str, ...], int]:
    """Studies behind each cell, by (variable, level, group), and those with a value, by (variable, group)."""
    found: dict[tuple[str, ...], int] = {}
    for group in ["Overall", *data["group"].cat.categories]:
        part = data if group == "Overall" else data[data["group"] == group]
        found["n", "", group] = len(part)
        for name in [*numbers, *categories]:
            short = ours[name]
            known = int(part[short].notna().sum())
            found[short, group] = known
            if name in numbers:
                found[short, "", group] = known
            else:
                found |= {
                    (short, str(level), group): int(each)
                    for level, each in part[short].value_counts().items()
                }
    return found


def _shown(text: str, values: int = 2) -> str:
    """A cell of tableone's; what could not be computed is left out: a mean of nothing, a deviation of one value."""
    if "nan" in text:
        return ""
    return text.partition(" (")[0] if values < 2 else text
