"""How far the labels behind a value spread, and how well so many of them pin it down.

All sums run neighbour by neighbour, so that a study's numbers are the same bits in any batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
"""Of the intervals."""

QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90)
"""Of a number's labels."""


def weighted_quantiles(labels: Floats, weights: Floats, at: tuple[float, ...] = QUANTILES) -> Floats:
    """The least label that so much of the weight does not exceed: quantiles of the weighted distribution.

    The inverse of the empirical distribution function (definition 1 of Hyndman and Fan, The American
    Statistician 50:361-365, 1996): always a label that some neighbour has, never one between two.

    Parameters
    ----------
    labels
        float64 (studies, k); NaN = unknown.
    weights
        float64 (studies, k); what is below 0 counts as 0, and all alike where no known label has weight.
    at
        Parts of the weight, 0..1.

    Returns
    -------
    numpy.ndarray
        float64 (studies, len(at)); NaN where no label is known.

    Examples
    --------
    >>> labels, weights = np.array([[60.0, 40.0, np.nan]]), np.array([[0.9, 0.3, 1.0]])
    >>> weighted_quantiles(labels, weights, (0.25, 0.5)).tolist()
    [[40.0, 60.0]]
    """
    known = ~np.isnan(labels)
    weight = np.where(known, np.maximum(weights, 0), 0)
    weight = np.where(weight.any(axis=1, keepdims=True), weight, known)
    order = np.argsort(labels, axis=1, kind="stable")  # unknown ones last
    below = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    ordered = np.take_along_axis(labels, order, axis=1)
    found = np.full((len(labels), len(at)), np.nan)
    some = known.any(axis=1)
    for column, part in enumerate(at):
        place = (below < part * below[:, -1:]).sum(axis=1)
        found[some, column] = ordered[some, place[some]]
    return found


def mean_interval(labels: Floats) -> tuple[Floats, Floats]:
    """95 % interval of each line's mean (Student's t); NaN where fewer than two labels are known.

    It says how far the mean might lie elsewhere had so many other neighbours of the same kind been found.
    It says nothing of how far the value is from the truth for this patient: for that see calibration.

    Parameters
    ----------
    labels
        float64 (studies, k); NaN = unknown.

    Returns
    -------
    low, high
        float64 (studies,).

    Examples
    --------
    >>> low, high = mean_interval(np.array([[50.0, 60.0, 55.0, np.nan]]))
    >>> round(float(low[0]), 1), round(float(high[0]), 1)
    (42.6, 67.4)
    """
    total, known = known_sums(labels)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / known
        squares, _ = known_sums(np.square(labels - mean[:, None]))
        error = np.sqrt(squares / (known - 1) / known)
        # from a table: one value for each number of neighbours
        reach = stdtrit(np.arange(-1, labels.shape[1]), (1 + CONFIDENCE) / 2)[known.astype(np.int64)] * error
    reach[known < 2] = np.nan
    return mean - reach, mean + reach


def share_interval(share: Floats, known: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """95 % interval of a share of so many neighbours (Wilson, JASA 22:209-212, 1927); NaN where it is NaN.

    What `mean_interval` says of means. Neighbours that resemble each other for another reason than the
    finding, such as being one patient's, know less than their number: then it is too narrow.

    Parameters
    ----------
    share
        float64 (studies,), 0..1.
    known
        int (studies,): of how many.

    Returns
    -------
    low, high
        float64 (studies,), within 0..1; they contain the share.

    Examples
    --------
    >>> low, high = share_interval(np.array([0.0, 0.25]), np.array([50, 4]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.046], [0.071, 0.699])
    """
    z = float(ndtri((1 + CONFIDENCE) / 2))
    size = np.maximum(known, 1).astype(np.float64)
    centre = share + z * z / (2 * size)
    reach = z * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    below = 1 + z * z / size
    # at 0 and 1 the formula is off by a rounding
    low, high = np.minimum((centre - reach) / below, share), np.maximum((centre + reach) / below, share)
    return np.maximum(low, 0), np.minimum(high, 1)


def known_sums(labels: Floats) -> tuple[Floats, Floats]:
    """Sum of each line's known labels, added up best neighbour first, and how many they are.

    Parameters
    ----------
    labels
        float64 (studies, k); NaN = unknown.

    Examples
    --------
    >>> [each.tolist() for each in known_sums(np.array([[1.0, np.nan, 0.5], [np.nan, np.nan, np.nan]]))]
    [[1.5, 0.0], [2.0, 0.0]]
    """
    total = np.zeros(len(labels))
    known = np.zeros(len(labels))
    for neighbour in range(labels.shape[1]):
        value = labels[:, neighbour]
        here = ~np.isnan(value)
        total += np.where(here, value, 0)
        known += here
    return total, known
