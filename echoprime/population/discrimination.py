"""Estimated shares against known findings of binary phenotypes: AUROC, and the call's hits and misses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse
from sklearn.metrics import average_precision_score, roc_auc_score

from echoprime.population.analysed import Analysed, Codes, Floats
from echoprime.population.estimates import share
from echoprime.population.loading import Phenotypes
from echoprime.population.resampling import LEAST_PATIENTS, Bootstrap, percentiles

RATES = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")

DISCRIMINATION = pa.schema(
    [
        pa.field("phenotype", pa.string()),
        pa.field("column", pa.string()),
        pa.field("by", pa.string()),
        pa.field("level", pa.string()),
        pa.field("studies", pa.int64()),  # in the group
        pa.field("known", pa.int64()),  # with a known value
        pa.field("pairs", pa.int64()),  # and an estimated one
        pa.field("patients", pa.int64()),
        pa.field("positives", pa.int64()),  # of the pairs, known to have it
        pa.field("auroc", pa.float64()),
        pa.field("auroc_from", pa.float64()),  # 95 % interval by bootstrap over patients
        pa.field("auroc_to", pa.float64()),
        pa.field("average_precision", pa.float64()),
        pa.field("threshold", pa.float64()),
        *[pa.field(name, pa.int64()) for name in ("true_yes", "false_yes", "false_no", "true_no")],
        *[pa.field(name + end, pa.float64()) for name in RATES for end in ("", "_from", "_to")],
    ]
)


def discriminations(
    analysed: Analysed, phenotypes: Phenotypes, known: dict[str, str], bootstrap: Bootstrap
) -> pa.Table:
    """Columns as in `DISCRIMINATION`: one row a binary phenotype with known values, and group."""
    rows: list[dict[str, Any]] = []
    for name, column in known.items():
        if phenotypes.units[name]:
            continue
        for grouping in analysed.groupings:
            for level, members in grouping:
                scores, truth = analysed.values[name][members], analysed.known[column][members]
                both = np.isfinite(scores) & np.isfinite(truth)
                patients = analysed.patients[members][both]
                row = {
                    "phenotype": name, "column": column, "by": grouping.by, "level": level,
                    "studies": len(members), "known": int(np.isfinite(truth).sum()), "pairs": int(both.sum()),
                    "patients": len(np.unique(patients)), "positives": int(truth[both].sum()),
                    **auroc(scores[both], truth[both], patients, bootstrap),
                }  # fmt: skip
                if name in phenotypes.thresholds:
                    row["threshold"] = phenotypes.thresholds[name]
                    row |= call_rates(analysed.calls[name][members][both], truth[both], patients)
                rows.append(row)
    return pa.Table.from_pylist(rows, DISCRIMINATION)


def auroc(scores: Floats, truth: Floats, patients: Codes, bootstrap: Bootstrap) -> dict[str, float | None]:
    """Area under the ROC curve with its interval, and average precision.

    Parameters
    ----------
    scores
        float (pairs,).
    truth
        float (pairs,): 0 or 1.
    patients
        int (pairs,).
    bootstrap
        How patients are drawn; draws without a positive or without a negative are left out.

    Returns
    -------
    dict
        auroc, auroc_from, auroc_to, average_precision; empty where all pairs are alike.

    Examples
    --------
    >>> auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0, 1, 1]), np.arange(4), Bootstrap())["auroc"]
    0.75
    """
    if len(np.unique(truth)) < 2:
        return {}
    levels, codes = np.unique(scores, return_inverse=True)
    # how many positives and negatives have each score: an area is made of these counts alone
    columns = codes + np.where(truth > 0, 0, len(levels))
    indicator = sparse.csr_array(
        (np.ones(len(codes)), (np.arange(len(codes)), columns)), shape=(len(codes), 2 * len(levels))
    )
    low = high = np.nan
    if len(np.unique(patients)) >= LEAST_PATIENTS:
        low, high = percentiles(areas(bootstrap.sums(indicator, patients), len(levels))[:, None])[:, 0]
    return {
        "auroc": float(roc_auc_score(truth, scores)),
        "auroc_from": float(low) if np.isfinite(low) else None,
        "auroc_to": float(high) if np.isfinite(high) else None,
        "average_precision": float(average_precision_score(truth, scores)),
    }


def areas(counts: Floats, levels: int) -> Floats:
    """Areas under ROC curves from how many positives, then negatives, have each score, ascending.

    Parameters
    ----------
    counts
        float (draws, 2 * levels).
    levels
        Different scores.

    Returns
    -------
    float (draws,); NaN where one of the two is missing.

    Examples
    --------
    >>> areas(np.array([[0.0, 2, 1, 1]]), 2)
    array([0.75])
    """
    positives, negatives = counts[:, :levels], counts[:, levels:]
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    with np.errstate(all="ignore"):
        return np.where(pairs > 0, (positives * below).sum(axis=1) / pairs, np.nan)


def call_rates(calls: Floats, truth: Floats, patients: Codes) -> dict[str, float | int | None]:
    """Hits and misses of a call, and the four rates with their intervals.

    Parameters
    ----------
    calls, truth
        float (pairs,): 0 or 1.
    patients
        int (pairs,).
    """
    yes, has = calls > 0, truth > 0
    found: dict[str, float | int | None] = {
        "true_yes": int((yes & has).sum()), "false_yes": int((yes & ~has).sum()),
        "false_no": int((~yes & has).sum()), "true_no": int((~yes & ~has).sum()),
    }  # fmt: skip
    for name, among, right in (
        (RATES[0], has, yes), (RATES[1], ~has, ~yes), (RATES[2], yes, has), (RATES[3], ~yes, ~has),
    ):  # fmt: skip
        rate = share(right[among].astype(np.float64), patients[among])
        found |= {name: rate.value, f"{name}_from": rate.low, f"{name}_to": rate.high}
    return found
