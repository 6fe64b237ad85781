"""A number's calibration: an interval around it, and how often that held where it was not fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from echoprime.calibration.conformal import covered, fewest_patients, half_width
from echoprime.calibration.finding import DIGITS, Fit
from echoprime.calibration.folds import folds
from echoprime.population.analysed import Codes, Floats


@dataclass(frozen=True, eq=False)
class Number:
    """A number with an interval.

    Attributes
    ----------
    entry
        What the file says of it.
    known, estimated
        float64 (studies,), in its unit.
    """

    entry: dict[str, Any]
    known: Floats
    estimated: Floats


def fit_number(estimated: Floats, known: Floats, patients: Codes, unit: str, fit: Fit) -> Number | str:
    """Find the interval of one number, or say why it has none.

    Parameters
    ----------
    estimated, known
        float64 (studies,), in `unit`.
    patients
        int64 (studies,).
    unit
        Of the phenotype.
    fit
        How.
    """
    if len(known) < fit.minimum:
        return f"{len(known)} studies, {fit.minimum} are needed (--minimum)"
    whose = len(np.unique(patients))
    errors = np.abs(estimated - known)
    parts: list[Floats] = []
    if whose >= fit.folds:
        for fitted, held in folds(patients, fit.folds):
            width = half_width(errors[fitted], patients[fitted], fit.coverage)
            if not np.isfinite(width):
                break
            parts.append(covered(errors[held], width, patients[held]))
    if len(parts) < fit.folds:
        needed = max(fit.folds, fewest_patients(fit.coverage))
        return f"{whose} patients: each fold's others must be at least {needed} (--coverage, --folds)"
    entry = {
        "kind": "continuous",
        "unit": unit,
        "method": "hierarchical conformal prediction",
        "half_width": half_width(errors, patients, fit.coverage),
        "coverage": fit.coverage,
        "coverage_cross_fitted": round(float(np.concatenate(parts).mean()), DIGITS),
        "studies": len(known),
        "patients": whose,
        "mean_error": round(float((estimated - known).mean()), DIGITS),
        "mean_absolute_error": round(float(errors.mean()), DIGITS),
    }
    return Number(entry, known, estimated)
