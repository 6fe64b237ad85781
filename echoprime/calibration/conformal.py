"""How far a number may lie from the known one: intervals that hold what they promise without any model.

Hierarchical conformal prediction (Lee, Barber and Willett, arXiv 2306.06342): a patient's studies are alike,
so each patient counts once, his studies in equal parts, and one more counts as infinitely far off. Then a
new study of a new patient lies in the interval with at least the wanted probability, whatever the errors'
distribution. Of patients with one study each it is split conformal prediction: the error of rank
ceil((patients + 1) * coverage).

The estimate is not fitted to these studies, so all of them are held out already; nothing is set apart.
"""

from __future__ import annotations

import numpy as np

from echoprime.population.analysed import Codes, Floats


def half_width(errors: Floats, patients: Codes, coverage: float) -> float:
    """Half of the interval's width; infinite where the patients are too few for the coverage.

    Parameters
    ----------
    errors
        float64 (studies,): distances of estimate and known number.
    patients
        int64 (studies,).
    coverage
        Wanted, 0..1.

    Examples
    --------
    >>> half_width(np.arange(1.0, 10.0), np.arange(9), 0.9)
    9.0
    >>> half_width(np.arange(1.0, 9.0), np.arange(8), 0.9)
    inf
    """
    _, whose, studies = np.unique(patients, return_inverse=True, return_counts=True)
    order = np.argsort(errors, kind="stable")
    reached = np.cumsum(1.0 / studies[whose[order]])
    wanted = coverage * (len(studies) + 1)
    place = int(np.searchsorted(reached, wanted - 1e-9))  # sums of thirds are no whole numbers
    return float(errors[order[place]]) if place < len(order) else float("inf")


def covered(errors: Floats, width: float, patients: Codes) -> Floats:
    """float64 (patients,): the part of each patient's studies that lies in the interval."""
    _, whose = np.unique(patients, return_inverse=True)
    found: Floats = np.bincount(whose, errors <= width) / np.bincount(whose)
    return found


def fewest_patients(coverage: float) -> int:
    """Patients below which no finite interval has the coverage.

    Examples
    --------
    >>> fewest_patients(0.9), fewest_patients(0.95)
    (9, 19)
    """
    return int(np.ceil(round(coverage / (1 - coverage), 9)))
