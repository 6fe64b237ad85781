"""A finding's calibration: mapping and threshold from all studies, every figure from studies held out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.bundle.calibrated import Isotonic, Platt
from echoprime.calibration.folds import folds
from echoprime.calibration.mapping import Method, fit_mapping, rises
from echoprime.calibration.measures import measure
from echoprime.calibration.thresholds import Wanted, choose_threshold, rates
from echoprime.population.analysed import Codes, Floats

CHANCE = 0.5
"""AUROC of values that say nothing; at most so much before or cross-fitted, and nothing is calibrated."""

RATES = ("sensitivity", "specificity")

UNREACHED = "no threshold reaches it: calls go by the bundle's"

DIGITS = 6
"""Of figures; mapping and threshold are written in full."""


@dataclass(frozen=True)
class Fit:
    """How it is fitted.

    Attributes
    ----------
    method
        `isotonic` or `platt`.
    folds
        Of the cross-fitting, at least 2.
    wanted
        Of thresholds.
    coverage
        Of the intervals of numbers, 0..1.
    minimum
        Studies with a finding, and without it, below which it is left as it is; of a number: studies.
    """

    method: Method = "isotonic"
    folds: int = 5
    wanted: Wanted = Wanted("youden")  # noqa: RUF009  # frozen
    coverage: float = 0.9
    minimum: int = 20


@dataclass(frozen=True, eq=False)
class Finding:
    """A calibrated finding.

    Attributes
    ----------
    entry
        What the file says of it.
    truth, before, after
        float64 (studies,): 0 or 1; the value as it was; the probability, fitted without the study's patient.
    """

    entry: dict[str, Any]
    truth: Floats
    before: Floats
    after: Floats


def fit_finding(values: Floats, truth: Floats, patients: Codes, fit: Fit) -> Finding | str:
    """Calibrate one finding, or say why it is left as it is.

    Parameters
    ----------
    values, truth
        float64 (studies,): 0..1; 0 or 1.
    patients
        int64 (studies,).
    fit
        How.
    """
    reason = _why_not(values, truth, patients, fit)
    if reason:
        return reason
    mapping = fit_mapping(fit.method, values, truth)
    after, called = _cross_fitted(values, truth, patients, fit)
    before, crossed = measure(values, truth), measure(after, truth)
    if not rises(mapping) or min(before.auroc, crossed.auroc) <= CHANCE:
        return "its values do not rise with the finding"
    entry = {
        "kind": "binary",
        "unit": "",
        "method": fit.method,
        **_written(mapping),
        "threshold": _threshold(values, truth, mapping, called, fit.wanted),
        "studies": len(values),
        "positives": int(truth.sum()),
        "patients": len(np.unique(patients)),
        "before": _rounded(asdict(before)),
        "cross_fitted": _rounded(asdict(crossed)),
    }
    return Finding(entry, truth, values, after)


def _why_not(values: Floats, truth: Floats, patients: Codes, fit: Fit) -> str:
    """Why nothing can be fitted; "" where something can."""
    positives = int(truth.sum())
    for count, what in ((positives, "with"), (len(truth) - positives, "without")):
        if count < fit.minimum:
            return f"{count} studies {what} the finding, {fit.minimum} are needed (--minimum)"
    whose = len(np.unique(patients))
    if whose < fit.folds:
        return f"{whose} patients, {fit.folds} are needed (--folds)"
    if values.min() == values.max():
        return f"every study has the value {values[0]:g}"
    for fitted, _ in folds(patients, fit.folds):
        if truth[fitted].min() == truth[fitted].max() or values[fitted].min() == values[fitted].max():
            return "all of one kind are of a few patients: nothing is left to fit to without them"
    return ""


def _cross_fitted(
    values: Floats, truth: Floats, patients: Codes, fit: Fit
) -> tuple[Floats, NDArray[np.bool_]]:
    """Each study's probability and call, by mapping and threshold of the other folds' patients."""
    after, called = np.empty(len(values)), np.zeros(len(values), np.bool_)
    for fitted, held in folds(patients, fit.folds):
        after[held] = fit_mapping(fit.method, values[fitted], truth[fitted])(values[held])
        theirs = choose_threshold(values[fitted], truth[fitted], fit.wanted)
        called[held] = False if theirs is None else values[held] >= theirs
    return after, called


def _threshold(
    values: Floats, truth: Floats, mapping: Isotonic | Platt, called: NDArray[np.bool_], wanted: Wanted
) -> dict[str, Any]:
    threshold = choose_threshold(values, truth, wanted)
    if threshold is None:
        nothing = dict.fromkeys(RATES)
        return {
            "asked": str(wanted),
            "value": None,
            "why_not": UNREACHED,
            "probability": None,
            "chosen_on": nothing,
            "cross_fitted": nothing,
        }
    return {
        "asked": str(wanted),
        "value": threshold,
        "why_not": "",
        "probability": float(mapping(np.array([threshold]))[0]),
        "chosen_on": _rates(values >= threshold, truth),
        "cross_fitted": _rates(called, truth),
    }


def _written(mapping: Isotonic | Platt) -> dict[str, Any]:
    if isinstance(mapping, Platt):
        return {"slope": mapping.slope, "intercept": mapping.intercept}
    return {"knots": [list(pair) for pair in zip(mapping.values, mapping.probabilities, strict=True)]}


def _rates(called: Any, truth: Floats) -> dict[str, float | None]:  # noqa: ANN401  # an array of bool
    return _rounded(dict(zip(RATES, rates(called, truth), strict=True)))


def _rounded(figures: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, DIGITS) for name, value in figures.items()}
