"""Means and shares with intervals that know that a patient's studies resemble each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from echoprime.population.analysed import Codes, Floats

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A value with its 95 % interval; None where there is not enough to compute it.

    Attributes
    ----------
    value, low, high
        The estimate and its interval.
    studies, patients
        That it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    studies: int
    patients: int


NOTHING = Estimate(None, None, None, 0, 0)


def patient_sums(values: Floats, patients: Codes) -> tuple[Floats, int]:
    """Sum over each patient's studies (patients without any left out), and how many patients there are."""
    there = np.bincount(patients) > 0
    sums: Floats = np.bincount(patients, weights=values)[there].astype(np.float64)
    return sums, int(there.sum())


def mean(values: Floats, patients: Codes) -> Estimate:
    """Mean of studies with the interval of Student's t, standard error clustered by patient.

    The error is the sandwich estimator with its correction for few clusters: with one study a patient it is
    the usual standard error of a mean.

    Parameters
    ----------
    values
        float (studies,), all known.
    patients
        int (studies,).

    Examples
    --------
    >>> each = mean(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 2]))
    >>> round(each.value, 2), round(each.low, 2), round(each.high, 2)
    (2.0, -0.48, 4.48)
    """
    if not len(values):
        return NOTHING
    centre = float(values.mean())
    sums, clusters = patient_sums(values - centre, patients)
    if clusters < 2:
        return Estimate(centre, None, None, len(values), clusters)
    error = float(np.sqrt(clusters / (clusters - 1) * np.square(sums).sum())) / len(values)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, clusters - 1)) * error
    return Estimate(centre, centre - reach, centre + reach, len(values), clusters)


def share(yes: Floats, patients: Codes) -> Estimate:
    """Share of studies with Wilson's interval, at the sample size that their clustering by patient leaves.

    The number of studies is divided by the design effect (the clustered variance over the binomial one, at
    least 1); where all studies agree it is the number of patients. With one study a patient it is Wilson's.

    Parameters
    ----------
    yes
        float (studies,): 0 or 1.
    patients
        int (studies,).

    Examples
    --------
    >>> each = share(np.array([1.0, 0.0, 0.0, 0.0]), np.arange(4))
    >>> round(each.value, 2), round(each.low, 3), round(each.high, 3)
    (0.25, 0.046, 0.699)
    """
    studies = len(yes)
    if not studies:
        return NOTHING
    part = float(yes.mean())
    sums, clusters = patient_sums(yes - part, patients)
    if 0 < part < 1:
        effect = max(1.0, float(np.square(sums).sum()) / (part * (1 - part) * studies))
        size = studies / effect
    else:
        size = float(clusters)
    low, high = proportion_confint(part * size, size, alpha=1 - CONFIDENCE, method="wilson")
    # at 0 and 1 the formula is off by a rounding
    return Estimate(part, min(float(low), part), max(float(high), part), studies, clusters)


def known_of(values: Floats, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those rows that have a value."""
    kept: NDArray[np.int64] = rows[np.isfinite(values[rows])]
    return kept
