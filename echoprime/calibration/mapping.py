"""A share of neighbours with a finding -> how probable it is in this cohort: isotonic, or Platt's curve."""

from __future__ import annotations

from typing import Literal

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from echoprime.bundle.calibrated import Isotonic, Platt
from echoprime.population.analysed import Floats

Method = Literal["isotonic", "platt"]

DECIMALS = 9
"""Of a curve's numbers: what lies below depends on how many cores added it up."""


def fit_mapping(method: Method, values: Floats, truth: Floats) -> Isotonic | Platt:
    """Fit one mapping; both kinds are there, and the values are not all alike.

    Parameters
    ----------
    method
        `isotonic`: the rising steps nearest to the truth (Zadrozny and Elkan, KDD 2002), joined by lines.
        `platt`: a logistic curve with Platt's softened targets, (positives + 1) / (positives + 2) and
        1 / (negatives + 2), which keep it finite where the value parts the two kinds (Platt, 1999).
    values, truth
        float64 (studies,): 0..1; 0 or 1.

    Examples
    --------
    >>> values, truth = np.array([0.0, 0.1, 0.2, 0.3]), np.array([0.0, 1.0, 0.0, 1.0])
    >>> fit_mapping("isotonic", values, truth)
    Isotonic(values=(0.0, 0.1, 0.2, 0.3), probabilities=(0.0, 0.5, 0.5, 1.0))
    >>> fit_mapping("platt", values, truth).slope > 0
    True
    """
    if method == "isotonic":
        steps = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=True, out_of_bounds="clip")
        steps.fit(values, truth)
        return Isotonic(tuple(steps.X_thresholds_.tolist()), tuple(steps.y_thresholds_.tolist()))
    positives, negatives = truth.sum(), (1 - truth).sum()
    target = np.where(truth > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    # a target between 0 and 1 is a study that counts as both, by these parts
    both = np.concatenate([values, values])[:, None]
    kinds = np.repeat([1, 0], len(values))
    curve = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    curve.fit(both, kinds, sample_weight=np.concatenate([target, 1 - target]))
    return Platt(*(round(float(each), DECIMALS) for each in (curve.coef_[0, 0], curve.intercept_[0])))


def rises(mapping: Isotonic | Platt) -> bool:
    """Whether a higher value means a higher probability at all.

    Examples
    --------
    >>> rises(Platt(-3.0, 0.0)), rises(Isotonic((0.0, 1.0), (0.2, 0.2)))
    (False, False)
    """
    if isinstance(mapping, Platt):
        return mapping.slope > 0
    return mapping.probabilities[-1] > mapping.probabilities[0]
