"""A study's videos to the one embedding by which it is found as a candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def study_embedding(embeddings: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Unit vector of the mean of the videos' unit embeddings.

    Parameters
    ----------
    embeddings
        float32 (videos, 512), in the order of the videos' paths.

    Returns
    -------
    numpy.ndarray or None
        float32 (512,) of length 1; None where there is no video, one is zero or not finite, or they cancel
        each other.

    Examples
    --------
    >>> study_embedding(np.array([[3, 0], [0, 0.5]], np.float32)).astype(float).round(4).tolist()
    [0.7071, 0.7071]
    >>> study_embedding(np.zeros((0, 2), np.float32)) is None
    True
    """
    wide = embeddings.astype(np.float64)
    # numpy's own sums, never BLAS: the same bits on every machine and whatever is computed beside it
    lengths = np.sqrt((wide * wide).sum(axis=1))
    if not len(wide) or not np.isfinite(lengths).all() or not lengths.all():
        return None
    mean = (wide / lengths[:, None]).sum(axis=0) / len(wide)
    length = float(np.sqrt((mean * mean).sum()))
    if length < np.finfo(np.float32).eps:
        return None
    found: NDArray[np.float32] = (mean / length).astype(np.float32)
    return found
