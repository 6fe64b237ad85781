"""Distribution and prevalence of every phenotype, overall and by group, with denominators and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from echoprime.population.analysed import Analysed, Codes
from echoprime.population.estimates import known_of, mean, share
from echoprime.population.loading import Phenotypes

_GROUP = [
    pa.field("phenotype", pa.string()),
    pa.field("counted", pa.string()),  # studies: each; patients: the first study of each
    pa.field("by", pa.string()),  # the cohort's column; "" = all
    pa.field("level", pa.string()),
    pa.field("studies", pa.int64()),  # in the group, assessable or not
    pa.field("assessed", pa.int64()),  # with a value: the denominator of what follows
    pa.field("patients", pa.int64()),  # of those with a value
]
QUANTILES = {"p05": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "p95": 0.95}

DISTRIBUTION = pa.schema(
    [
        *_GROUP,
        pa.field("unit", pa.string()),  # %, mmHg, or "share": of the neighbours, 0..1
        pa.field("mean", pa.float64()),
        pa.field("mean_low", pa.float64()),  # 95 % interval
        pa.field("mean_high", pa.float64()),
        pa.field("sd", pa.float64()),
        pa.field("minimum", pa.float64()),
        *[pa.field(name, pa.float64()) for name in QUANTILES],
        pa.field("maximum", pa.float64()),
    ]
)
PREVALENCE = pa.schema(
    [
        *_GROUP,
        pa.field("threshold", pa.float64()),  # a call is value >= threshold
        pa.field("called", pa.int64()),
        pa.field("share", pa.float64()),  # called / assessed
        pa.field("share_low", pa.float64()),  # 95 % interval
        pa.field("share_high", pa.float64()),
    ]
)


def _parts(analysed: Analysed) -> list[tuple[dict[str, Any], Codes]]:
    """Every group, once with all its studies and once with the first of each patient."""
    parts = []
    for counted in ("studies", "patients"):
        for grouping in analysed.groupings:
            for level, rows in grouping:
                kept = rows if counted == "studies" else rows[analysed.first[rows]]
                parts.append(({"counted": counted, "by": grouping.by, "level": level}, kept))
    return parts


def distributions(analysed: Analysed, phenotypes: Phenotypes) -> pa.Table:
    """Columns as in `DISTRIBUTION`, one row a phenotype and group."""
    rows, parts = [], _parts(analysed)
    for name, unit in phenotypes.units.items():
        for part, members in parts:
            there = known_of(analysed.values[name], members)
            values = analysed.values[name][there]
            found = mean(values, analysed.patients[there])
            row = {
                **part, "phenotype": name, "unit": unit or "share", "studies": len(members),
                "assessed": len(values), "patients": found.patients, "mean": found.value,
                "mean_low": found.low, "mean_high": found.high,
            }  # fmt: skip
            if len(values):
                cuts = np.quantile(values, list(QUANTILES.values()))
                row |= {"minimum": float(values.min()), "maximum": float(values.max())}
                row |= dict(zip(QUANTILES, cuts.tolist(), strict=True))
            if len(values) > 1:
                row["sd"] = float(values.std(ddof=1))
            rows.append(row)
    return pa.Table.from_pylist(rows, DISTRIBUTION)


def prevalences(analysed: Analysed, phenotypes: Phenotypes) -> pa.Table:
    """Columns as in `PREVALENCE`, one row a phenotype with a threshold and group."""
    rows, parts = [], _parts(analysed)
    for name, threshold in phenotypes.thresholds.items():
        for part, members in parts:
            there = known_of(analysed.calls[name], members)
            calls = analysed.calls[name][there]
            found = share(calls, analysed.patients[there])
            rows.append(
                {
                    **part, "phenotype": name, "threshold": threshold, "studies": len(members),
                    "assessed": len(calls), "patients": found.patients, "called": int(calls.sum()),
                    "share": found.value, "share_low": found.low, "share_high": found.high,
                }
            )  # fmt: skip
    return pa.Table.from_pylist(rows, PREVALENCE)
