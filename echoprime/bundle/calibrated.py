"""What a calibration says of one phenotype: its value as a probability, or the interval around its number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Isotonic:
    """A share of neighbours as a probability: straight lines between knots, level beyond them.

    Attributes
    ----------
    values
        Shares of the knots, 0..1, rising.
    probabilities
        0..1, never falling.

    Examples
    --------
    >>> Isotonic((0.25, 0.75), (0.0, 0.5))(np.array([0.0, 0.5, 0.9, np.nan])).tolist()
    [0.0, 0.25, 0.5, nan]
    """

    values: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, values: Floats) -> Floats:
        """float64 (n,): 0..1; NaN stays NaN."""
        return np.interp(values, self.values, self.probabilities)


@dataclass(frozen=True)
class Platt:
    """The same by a logistic curve: 1 / (1 + exp(-(slope * value + intercept))).

    Attributes
    ----------
    slope
        Above 0.
    intercept
        Any number.

    Examples
    --------
    >>> Platt(10.0, -5.0)(np.array([0.5, np.nan])).tolist()
    [0.5, nan]
    """

    slope: float
    intercept: float

    def __call__(self, values: Floats) -> Floats:
        """float64 (n,): 0..1; NaN stays NaN."""
        found: Floats = expit(self.slope * values + self.intercept)
        return found


@dataclass(frozen=True)
class Conformal:
    """An interval around a number, in which so much of a cohort's known numbers lay.

    Attributes
    ----------
    half_width
        In the phenotype's unit.
    highest
        The largest number that there is: 100 of a per cent; infinite else. None is below 0.

    Examples
    --------
    >>> [end.tolist() for end in Conformal(9.0, 100.0)(np.array([55.0, 95.0, np.nan]))]
    [[46.0, 86.0, nan], [64.0, 100.0, nan]]
    """

    half_width: float
    highest: float = np.inf

    def __call__(self, values: Floats) -> tuple[Floats, Floats]:
        """float64 (n,), (n,): lower and upper end; NaN stays NaN."""
        return np.maximum(values - self.half_width, 0.0), np.minimum(values + self.half_width, self.highest)
