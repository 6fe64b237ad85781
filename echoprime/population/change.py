"""Change within patients who came more than once: from the first to the last study with a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from statsmodels.stats.contingency_tables import mcnemar

from echoprime.population.analysed import Analysed, Codes, Floats
from echoprime.population.estimates import mean
from echoprime.population.loading import Phenotypes

CHANGE = pa.schema(
    [
        pa.field("phenotype", pa.string()),
        pa.field("unit", pa.string()),
        pa.field("patients", pa.int64()),  # with two dated studies that have a value
        pa.field("days_median", pa.float64()),  # between the two
        pa.field("first_mean", pa.float64()),
        pa.field("last_mean", pa.float64()),
        pa.field("change", pa.float64()),  # mean of last - first
        pa.field("change_low", pa.float64()),  # 95 % interval of that mean
        pa.field("change_high", pa.float64()),
        pa.field("change_sd", pa.float64()),
        pa.field("change_q1", pa.float64()),
        pa.field("change_median", pa.float64()),
        pa.field("change_q3", pa.float64()),
    ]
)
CALL_CHANGE = pa.schema(
    [
        pa.field("phenotype", pa.string()),
        pa.field("patients", pa.int64()),
        pa.field("stayed_no", pa.int64()),
        pa.field("no_to_yes", pa.int64()),
        pa.field("yes_to_no", pa.int64()),
        pa.field("stayed_yes", pa.int64()),
        pa.field("p", pa.float64()),  # McNemar's exact test
    ]
)
EXACT_UP_TO = 10_000
"""Changed calls up to which McNemar's test is exact; beyond, chi-squared says the same."""


def first_and_last(analysed: Analysed, values: Floats) -> tuple[Codes, Codes]:
    """Each patient's first and last dated study with a value, where these lie on different days.

    Returns
    -------
    Two arrays of positions, of equal length, in the order of the patients; studies of unknown patients are
    nobody's.
    """
    rows = np.flatnonzero(np.isfinite(values) & ~np.isnat(analysed.days) & analysed.patients_known)
    # stable: of two studies of one day the order of their ids decides
    rows = rows[np.lexsort((analysed.days[rows], analysed.patients[rows]))]
    patients = analysed.patients[rows]
    starts = (
        np.flatnonzero(np.r_[True, patients[1:] != patients[:-1]]) if len(rows) else np.empty(0, np.int64)
    )
    ends = np.r_[starts[1:], len(rows)] - 1
    first, last = rows[starts], rows[ends] if len(rows) else rows
    apart = analysed.days[first] < analysed.days[last]
    return first[apart], last[apart]


def changes(analysed: Analysed, phenotypes: Phenotypes) -> tuple[pa.Table, pa.Table]:
    """Columns as in `CHANGE` and `CALL_CHANGE`."""
    rows, calls = [], []
    for name, unit in phenotypes.units.items():
        values = analysed.values[name]
        first, last = first_and_last(analysed, values)
        row: dict[str, Any] = {"phenotype": name, "unit": unit or "share", "patients": len(first)}
        if len(first):
            difference = values[last] - values[first]
            found = mean(difference, analysed.patients[first])
            quarters = np.quantile(difference, [0.25, 0.5, 0.75]).tolist()
            row |= {
                "days_median": float(np.median((analysed.days[last] - analysed.days[first]).astype(int))),
                "first_mean": float(values[first].mean()), "last_mean": float(values[last].mean()),
                "change": found.value, "change_low": found.low, "change_high": found.high,
                "change_sd": float(difference.std(ddof=1)) if len(first) > 1 else None,
                "change_q1": quarters[0], "change_median": quarters[1], "change_q3": quarters[2],
            }  # fmt: skip
        rows.append(row)
    for name in phenotypes.thresholds:
        first, last = first_and_last(analysed, analysed.calls[name])
        calls.append({"phenotype": name, **_calls(analysed.calls[name][first], analysed.calls[name][last])})
    return pa.Table.from_pylist(rows, CHANGE), pa.Table.from_pylist(calls, CALL_CHANGE)


def _calls(first: Floats, last: Floats) -> dict[str, Any]:
    both = np.bincount((2 * first + last).astype(np.int64), minlength=4)
    row: dict[str, Any] = {"patients": len(first)}
    row |= dict(zip(("stayed_no", "no_to_yes", "yes_to_no", "stayed_yes"), both.tolist(), strict=True))
    if both[1] + both[2]:
        row["p"] = float(mcnemar(both.reshape(2, 2), exact=bool(both[1] + both[2] <= EXACT_UP_TO)).pvalue)
    return row
