"""What a calibration makes of studies' values: probabilities of findings, intervals around numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echoprime.bundle import Phenotype
from echoprime.bundle.calibrated import Conformal
from echoprime.bundle.phenotypes import CALIBRATION


def calibrated_cells(
    phenotypes: Sequence[Phenotype], values: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """The fields `calibrated`, `conformal_low` and `conformal_high` of the evidence.

    Parameters
    ----------
    phenotypes
        The bundle's, with what a calibration says of them.
    values
        float64 (studies, phenotypes); NaN = none.

    Returns
    -------
    dict
        Field -> float64 (studies, phenotypes); NaN = no value, or no calibration.

    Examples
    --------
    >>> fraction = Phenotype("ejection_fraction", "Left Ventricle", "continuous", calibrated=Conformal(8.0))
    >>> found = calibrated_cells([fraction], np.array([[55.0], [np.nan]]))
    >>> found["conformal_low"].ravel().tolist(), found["calibrated"].ravel().tolist()
    ([47.0, nan], [nan, nan])
    """
    names = ("calibrated", "conformal_low", "conformal_high")
    cells = {name: np.full(values.shape, np.nan) for name in names}
    for number, each in enumerate(phenotypes):
        if isinstance(each.calibrated, Conformal):
            cells["conformal_low"][:, number], cells["conformal_high"][:, number] = each.calibrated(
                values[:, number]
            )
        elif each.calibrated is not None:
            cells["calibrated"][:, number] = each.calibrated(values[:, number])
    return cells


def calls_calibrated(phenotypes: Sequence[Phenotype]) -> bool:
    """Whether there are calls, and every one rests on a calibration's threshold.

    Examples
    --------
    >>> calls_calibrated([Phenotype("tavr", "Aortic Valve", "binary", threshold=0.76)])
    False
    """
    called = [each.threshold_from for each in phenotypes if each.threshold is not None]
    return bool(called) and set(called) == {CALIBRATION}
