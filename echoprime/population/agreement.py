"""Estimated against known values of continuous phenotypes: mean absolute error, Bland-Altman, correlation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from echoprime.population.analysed import Analysed, Codes, Floats
from echoprime.population.loading import Phenotypes
from echoprime.population.resampling import Bootstrap

STATISTICS = ("mae", "rmse", "bias", "sd", "limit_low", "limit_high", "correlation")
"""Each with its interval, by bootstrap over patients."""

LIMITS = 1.96
"""Standard deviations around the bias between which 95 % of normal differences lie (Bland and Altman)."""

AGREEMENT = pa.schema(
    [
        pa.field("phenotype", pa.string()),
        pa.field("column", pa.string()),  # of the cohort
        pa.field("unit", pa.string()),
        pa.field("by", pa.string()),
        pa.field("level", pa.string()),
        pa.field("studies", pa.int64()),  # in the group
        pa.field("known", pa.int64()),  # with a known value
        pa.field("pairs", pa.int64()),  # and an estimated one: the denominator of what follows
        pa.field("patients", pa.int64()),
        *[
            pa.field(name + end, pa.float64())
            for name in STATISTICS
            for end in ("", "_from", "_to")  # differences are estimated - known
        ],
    ]
)


def agreements(
    analysed: Analysed, phenotypes: Phenotypes, known: dict[str, str], bootstrap: Bootstrap
) -> pa.Table:
    """Columns as in `AGREEMENT`: one row a continuous phenotype and group."""
    rows: list[dict[str, Any]] = []
    for name, column in known.items():
        if not phenotypes.units[name]:
            continue
        for grouping in analysed.groupings:
            for level, members in grouping:
                estimated, truth = analysed.values[name][members], analysed.known[column][members]
                both = np.isfinite(estimated) & np.isfinite(truth)
                patients = analysed.patients[members][both]
                rows.append(
                    {
                        "phenotype": name, "column": column, "unit": phenotypes.units[name],
                        "by": grouping.by, "level": level, "studies": len(members),
                        "known": int(np.isfinite(truth).sum()), "pairs": int(both.sum()),
                        **agreement(estimated[both], truth[both], patients, bootstrap),
                    }
                )  # fmt: skip
    return pa.Table.from_pylist(rows, AGREEMENT)


def agreement(
    estimated: Floats, truth: Floats, patients: Codes, bootstrap: Bootstrap
) -> dict[str, float | int | None]:
    """How far estimated values are from known ones.

    Parameters
    ----------
    estimated, truth
        float (pairs,), all known.
    patients
        int (pairs,).
    bootstrap
        How patients are drawn.

    Returns
    -------
    dict
        patients, and each of `STATISTICS` with `_from` and `_to`; None where there are too few pairs.

    Examples
    --------
    >>> found = agreement(np.array([50.0, 62.0]), np.array([52.0, 58.0]), np.array([0, 1]), Bootstrap())
    >>> found["mae"], found["bias"], found["mae_from"]
    (3.0, 1.0, None)
    """
    if not len(estimated):
        return {"patients": 0}
    # about the known values' middle, so that squares of large numbers cancel nothing
    middle = truth.mean()
    x, y = truth - middle, estimated - middle
    features = np.stack([np.ones_like(x), np.abs(y - x), y - x, x, y, x * x, y * y, x * y], axis=1)
    point = _statistics(features.sum(axis=0)[None])[0]
    low, high = bootstrap.interval(features, patients, _statistics)
    found: dict[str, float | int | None] = {"patients": len(np.unique(patients))}
    for name, value, start, end in zip(STATISTICS, point, low, high, strict=True):
        found |= {name: _plain(value), f"{name}_from": _plain(start), f"{name}_to": _plain(end)}
    return found


def _statistics(sums: Floats) -> Floats:
    """From sums (draws, 8) of 1, |d|, d, x, y, xx, yy, xy to (draws, `STATISTICS`)."""
    with np.errstate(all="ignore"):
        count = sums[:, 0]
        absolute, bias, x, y, xx, yy, xy = (sums[:, place] / count for place in range(1, 8))
        squares = xx + yy - 2 * xy
        spread = np.maximum(squares - bias**2, 0) * count / (count - 1)
        sd = np.sqrt(np.where(count > 1, spread, np.nan))
        covariance, variances = xy - x * y, (xx - x**2) * (yy - y**2)
        correlation = np.where(variances > 1e-12, covariance / np.sqrt(variances), np.nan)
        return np.stack(
            [
                absolute,
                np.sqrt(np.maximum(squares, 0)),
                bias,
                sd,
                bias - LIMITS * sd,
                bias + LIMITS * sd,
                np.clip(correlation, -1, 1),
            ],
            axis=1,
        )


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
