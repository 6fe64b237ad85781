"""Cross-fitting by patient: what is said of a study never saw another study of its patient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from echoprime.population.analysed import Codes

Places = NDArray[np.int64]


def folds(patients: Codes, number: int) -> Iterator[tuple[Places, Places]]:
    """Positions of the studies that are fitted to, and of those that are held out; each is held out once.

    Parameters
    ----------
    patients
        int64 (studies,), of at least `number` patients.
    number
        Of folds, at least 2.

    Examples
    --------
    >>> [held.tolist() for _, held in folds(np.array([0, 0, 1, 2]), 2)]
    [[0, 1], [2, 3]]
    """
    yield from GroupKFold(n_splits=number).split(patients, groups=patients)
