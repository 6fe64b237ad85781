"""How far probabilities are to be believed: Brier score, calibration slope and intercept, error, AUROC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from echoprime.population.analysed import Floats

BINS = 10
"""Of the expected calibration error and of a reliability diagram, equally wide."""

LEAST = 0.01
"""Probabilities are kept so far from 0 and 1 where their logit is taken: half a neighbour of fifty."""

FURTHEST = 50.0
"""Of an intercept, in logits."""


@dataclass(frozen=True)
class Measures:
    """Probabilities against what is true.

    Attributes
    ----------
    brier
        Mean squared difference (Brier, 1950); 0 = perfect.
    slope
        Of the truth's logit over the probability's: below 1 = too extreme; 1 = right. None: the values part
        the two kinds, or are all alike.
    intercept
        What must be added to the logit so that as many have the finding as is said (calibration in the
        large); 0 = right. Slope and intercept as in Van Calster et al., BMC Medicine 17:230, 2019.
    calibration_error
        Expected calibration error: mean distance of `BINS` bins' probability and share, by their studies
        (Naeini et al., AAAI 2015).
    auroc
        Area under the ROC curve.
    """

    brier: float
    slope: float | None
    intercept: float
    calibration_error: float
    auroc: float


def measure(probabilities: Floats, truth: Floats) -> Measures:
    """Compare probabilities with the truth; both kinds are there.

    Parameters
    ----------
    probabilities, truth
        float64 (studies,): 0..1; 0 or 1.

    Examples
    --------
    >>> found = measure(np.array([0.2, 0.2, 0.2, 0.2, 0.8, 0.8]), np.array([0.0, 0, 0, 1, 1, 0]))
    >>> round(found.brier, 3), round(found.calibration_error, 3)
    (0.24, 0.133)
    """
    bins = reliability(probabilities, truth)
    parts = bins[:, 2] / len(truth)
    line = logit(np.clip(probabilities, LEAST, 1 - LEAST))
    return Measures(
        brier=float(brier_score_loss(truth, probabilities)),
        slope=_slope(line, truth),
        intercept=_intercept(line, truth),
        calibration_error=float((np.abs(bins[:, 0] - bins[:, 1]) * parts).sum()),
        auroc=float(roc_auc_score(truth, probabilities)),
    )


def reliability(probabilities: Floats, truth: Floats) -> Floats:
    """float64 (bins, 3) of the bins that have studies: mean probability, share with the finding, studies.

    Examples
    --------
    >>> reliability(np.array([0.04, 0.06, 1.0]), np.array([0.0, 1.0, 1.0])).tolist()
    [[0.05, 0.5, 2.0], [1.0, 1.0, 1.0]]
    """
    places = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    some = counts > 0
    sums = [np.bincount(places, each, minlength=BINS)[some] for each in (probabilities, truth)]
    return np.stack([*(each / counts[some] for each in sums), counts[some]], axis=1)


def _slope(line: Floats, truth: Floats) -> float | None:
    has, lacks = line[truth > 0], line[truth <= 0]
    if lacks.max() <= has.min() or has.max() <= lacks.min():
        return None
    curve = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return float(curve.fit(line[:, None], truth > 0).coef_[0, 0])


def _intercept(line: Floats, truth: Floats) -> float:
    def too_few(added: float) -> float:
        return float((truth - expit(line + added)).sum())

    return float(brentq(too_few, -FURTHEST, FURTHEST))
