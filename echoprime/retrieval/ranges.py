"""Runs of whole numbers, one after the other: where the entries of flattened lists lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ranges(first: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64: from each of `first` on so many numbers as `counts` says.

    Examples
    --------
    >>> ranges(np.array([10, 4, 7]), np.array([3, 0, 2])).tolist()
    [10, 11, 12, 7, 8]
    """
    found: NDArray[np.int64] = np.repeat(first - (np.cumsum(counts) - counts), counts)
    return found + np.arange(len(found))
