"""Table one: what the cohort is like; who was left out beside who was analysed, then by group."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

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
        pa.field("group", pa.string()),  # a level of the table's column; "" = all together
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
    left_out = (~frame.pop("is_analysed")).to_numpy().astype(np.int64)
    rows += _one(frame, numbers, categories, Grouping(ANALYSED, (ANALYSED, LEFT_OUT), left_out))
    if by:
        frame = _frame(connection, f"SELECT {picked} FROM analysed ORDER BY study_id", numbers, categories)
        for grouping in analysed.groupings[1:]:
            kept = [name for name in categories if name != grouping.by]
            rows += _one(frame, numbers, kept, grouping)
    return pa.Table.from_pylist(rows, TABLE_ONE)


def _frame(
    connection: duckdb.DuckDBPyConnection, query: str, numbers: Sequence[str], categories: Sequence[str]
) -> pd.DataFrame:
    """Numbers as float64, categories as pandas has them: a byte a row, not a text."""
    found = connection.execute(query).fetchnumpy()
    frame: dict[str, Any] = {
        name: np.ma.filled(np.ma.asarray(found[name], np.float64), np.nan) for name in numbers
    }
    for name in categories:
        texts: Any = np.ma.asarray(found[name], object)
        texts.data[np.ma.getmaskarray(texts)] = None
        frame[name] = pd.Categorical(texts.data)
    if "is_analysed" in found:
        frame["is_analysed"] = np.asarray(found["is_analysed"], np.bool_)
    return pd.DataFrame(frame)


def _one(
    frame: pd.DataFrame, numbers: Sequence[str], categories: Sequence[str], grouping: Grouping
) -> list[dict[str, Any]]:
    """One table: a row a variable, level and group."""
    members = {"": np.arange(len(frame))} | {level: rows for level, rows in grouping if len(rows)}
    if len(members) == 2:
        members = {"": members[""]}  # one group is all together
    rows = _of_numbers(frame, numbers, members)
    for name in categories:
        rows += _of_category(name, frame[name], members)
    return [{"table": grouping.by, **row} for row in rows]


def _of_numbers(
    frame: pd.DataFrame, numbers: Sequence[str], members: dict[str, NDArray[np.int64]]
) -> list[dict[str, Any]]:
    """Counts of studies, then mean (SD) of each number, by tableone."""
    from tableone import TableOne

    # by numbers: tableone tells its own rows and columns ("n", "Overall") from ours by their names alone
    ours = {name: f"v{place}" for place, name in enumerate(numbers)}
    theirs = {group: f"g{place}" if group else "Overall" for place, group in enumerate(members)}
    data = frame[list(numbers)].rename(columns=ours).assign(v=0.0)
    codes = np.zeros(len(data), np.int64)
    for place, group in enumerate(members):
        if group:
            codes[members[group]] = place
    data["group"] = pd.Categorical(np.array(list(theirs.values()), object)[codes])
    smallest = min(len(rows) for rows in members.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant or empty columns, whose cells say so
        made = TableOne(
            data,
            columns=[*ours.values(), "v"],
            categorical=[],
            groupby="group" if len(members) > 1 else None,
            pval=False,
            smd=len(members) == 3 and smallest > 1,
            label_suffix=False,
            sort=False,
        ).tableone
    made.columns = [column[-1] if isinstance(column, tuple) else column for column in made.columns]
    difference = next((column for column in made.columns if str(column).startswith("SMD")), None)
    rows: list[dict[str, Any]] = []
    for name, short in {"": "n", **ours}.items():
        cells = made.loc[(short, "")]
        for group, places in members.items():
            known = int(data[short].iloc[places].notna().sum()) if name else len(places)
            rows.append(
                {
                    "variable": name, "level": "", "group": group, "number": known,
                    "missing": int(data[short].isna().sum()) if name else None,
                    "shown": _shown(str(cells[theirs[group]]), known),
                    "smd": _shown(str(cells[difference])) if difference and name else "",
                }
            )  # fmt: skip
    return rows


def _of_category(
    name: str, values: pd.Series[Any], members: dict[str, NDArray[np.int64]]
) -> list[dict[str, Any]]:
    """Number (per cent of those with a value) of each level, written as tableone writes them.

    Counted here: tableone makes a text of every cell for every group, a minute for a million rows.
    """
    codes, levels = (
        values.cat.codes.to_numpy().astype(np.int64),
        [str(each) for each in values.cat.categories],
    )
    counts = {
        group: np.bincount(codes[rows][codes[rows] >= 0], minlength=len(levels))
        for group, rows in members.items()
    }
    missing = int((codes < 0).sum())
    two = [each for group, each in counts.items() if group]
    difference = category_difference(*two) if len(two) == 2 else None
    rows: list[dict[str, Any]] = []
    for place, level in enumerate(levels):
        for group, each in counts.items():
            total = int(each.sum())
            share = f" ({100 * each[place] / total:.1f})" if total else ""
            rows.append(
                {
                    "variable": name, "level": level, "group": group, "number": int(each[place]),
                    "missing": missing, "shown": f"{each[place]}{share}",
                    "smd": _difference_shown(difference) if place == 0 else "",
                }
            )  # fmt: skip
    return rows


def category_difference(one: NDArray[np.int64], other: NDArray[np.int64]) -> float | None:
    """Standardised mean difference of a category between two groups (Yang and Dalton 2012).

    Parameters
    ----------
    one, other
        int (levels,): studies of each level.

    Returns
    -------
    float
        None where a group is empty or both are constant.

    Examples
    --------
    >>> round(category_difference(np.array([30, 70]), np.array([50, 50])), 3)
    0.417
    """
    if min(one.sum(), other.sum()) < 2:
        return None
    # the last level follows from the others
    p, q = (each[:-1] / each.sum() for each in (one, other))
    spread = sum(np.diag(part) - np.outer(part, part) for part in (p, q)) / 2
    if not np.abs(spread).sum():
        return None
    return float(np.sqrt(max(0.0, (p - q) @ np.linalg.pinv(spread) @ (p - q))))


def _difference_shown(difference: float | None) -> str:
    if difference is None:
        return ""
    return "<0.001" if difference < 0.001 else f"{difference:.3f}"


def _shown(text: str, values: int = 2) -> str:
    """A cell of tableone's without what cannot be computed: a mean of nothing, a deviation of one value."""
    if "nan" in text or "inf" in text:
        return ""
    return text.partition(" (")[0] if values < 2 else text
