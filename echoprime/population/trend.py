"""Values and prevalence over calendar time: each period, and the change per year."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import statsmodels.api as sm
from numpy.typing import NDArray

from echoprime.population.analysed import Analysed, Codes, Floats
from echoprime.population.estimates import mean, share
from echoprime.population.loading import Phenotypes

Period = Literal["month", "quarter", "year"]
MONTHS = {"month": 1, "quarter": 3, "year": 12}
MOST_MONTHS, MOST_QUARTERS = 24, 40
"""Periods up to which months and quarters are chosen."""
DAYS_PER_YEAR = 365.25

_WHAT = [
    pa.field("phenotype", pa.string()),
    pa.field("measure", pa.string()),  # mean, or share called
]
TREND = pa.schema(
    [
        *_WHAT,
        pa.field("period", pa.string()),  # 2026-11, 2026-Q4 or 2026
        pa.field("starts", pa.date32()),
        pa.field("studies", pa.int64()),  # of the period
        pa.field("assessed", pa.int64()),  # with a value: the denominator
        pa.field("patients", pa.int64()),
        pa.field("value", pa.float64()),
        pa.field("value_low", pa.float64()),
        pa.field("value_high", pa.float64()),
    ]
)
SLOPES = pa.schema(
    [
        *_WHAT,
        pa.field("assessed", pa.int64()),
        pa.field("patients", pa.int64()),
        pa.field("per_year", pa.float64()),  # in the phenotype's unit, or as a share of studies
        pa.field("per_year_low", pa.float64()),
        pa.field("per_year_high", pa.float64()),
        pa.field("p", pa.float64()),
    ]
)


def choose_period(days: NDArray[np.datetime64]) -> Period:
    """Months, quarters or years, so that a drawing has some forty points at most.

    Examples
    --------
    >>> choose_period(np.array(["2020-01-01", "2020-12-31"], "datetime64[D]"))
    'month'
    >>> choose_period(np.array(["2005-01-01", "2020-12-31"], "datetime64[D]"))
    'year'
    """
    known = days[~np.isnat(days)].astype("datetime64[M]")
    months = int((known.max() - known.min()).astype(int)) + 1 if len(known) else 1
    return "month" if months <= MOST_MONTHS else "quarter" if months <= 3 * MOST_QUARTERS else "year"


def period_starts(days: NDArray[np.datetime64], period: Period) -> NDArray[np.datetime64]:
    """First month of each day's period, datetime64[M]; NaT stays."""
    months = days.astype("datetime64[M]")
    numbers = months.astype(np.int64)
    starts = np.where(np.isnat(months), numbers, numbers - numbers % MONTHS[period])
    return starts.astype("datetime64[M]")


def period_name(start: np.datetime64, period: Period) -> str:
    """What a period is called.

    Examples
    --------
    >>> period_name(np.datetime64("2026-10"), "quarter")
    '2026-Q4'
    """
    text = str(start)
    if period == "quarter":
        return f"{text[:4]}-Q{(int(text[5:7]) + 2) // 3}"
    return text[:4] if period == "year" else text


def trends(analysed: Analysed, phenotypes: Phenotypes, period: Period) -> tuple[pa.Table, pa.Table]:
    """Columns as in `TREND` and `SLOPES`; only studies with a day."""
    starts = period_starts(analysed.days, period)
    dated = np.flatnonzero(~np.isnat(starts))
    different, codes = np.unique(starts[dated], return_inverse=True)
    members = [dated[codes == number] for number in range(len(different))]
    years = (analysed.days - np.datetime64("1970-01-01")).astype(np.float64) / DAYS_PER_YEAR
    points: list[dict[str, Any]] = []
    slopes: list[dict[str, Any]] = []
    columns = [("mean", name, analysed.values[name]) for name in phenotypes.units]
    columns += [("share called", name, analysed.calls[name]) for name in phenotypes.thresholds]
    for measure, name, values in columns:
        what = {"phenotype": name, "measure": measure}
        for start, rows in zip(different, members, strict=True):
            there = rows[np.isfinite(values[rows])]
            found = (mean if measure == "mean" else share)(values[there], analysed.patients[there])
            points.append(
                {
                    **what, "period": period_name(start, period),
                    "starts": start.astype("datetime64[D]").item(),
                    "studies": len(rows), "assessed": found.studies, "patients": found.patients,
                    "value": found.value, "value_low": found.low, "value_high": found.high,
                }
            )  # fmt: skip
        there = dated[np.isfinite(values[dated])]
        slopes.append({**what, **slope(values[there], years[there], analysed.patients[there])})
    return pa.Table.from_pylist(points, TREND), pa.Table.from_pylist(slopes, SLOPES)


def slope(values: Floats, years: Floats, patients: Codes) -> dict[str, float | int | None]:
    """Change per year: least squares, standard error clustered by patient.

    Parameters
    ----------
    values
        float (studies,); 0 and 1 give the change of a share.
    years
        float (studies,), since any day.
    patients
        int (studies,).

    Returns
    -------
    dict
        assessed, patients, per_year, per_year_low, per_year_high, p; without the last four where all values,
        or all days, are alike or fewer than three patients are there.
    """
    different, codes = np.unique(patients, return_inverse=True)
    found: dict[str, float | int | None] = {"assessed": len(values), "patients": len(different)}
    if len(different) < 3 or np.ptp(years) == 0 or np.ptp(values) == 0:
        return found
    design = np.stack([np.ones_like(years), years - years.mean()], axis=1)
    fit = sm.OLS(values, design).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    low, high = fit.conf_int()[1]
    return found | {
        "per_year": float(fit.params[1]), "per_year_low": float(low), "per_year_high": float(high),
        "p": float(fit.pvalues[1]),
    }  # fmt: skip
