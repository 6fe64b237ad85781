"""Drawn cohorts of which the truth is known: findings that are said too boldly, numbers that are off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echoprime.calibration import Reference

Floats = NDArray[np.float64]
PRESSURE = "pulmonary_artery_pressure_continuous"


def drawn_finding(
    studies: int, seed: int = 0, per_patient: int = 2
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Values in fiftieths, truth and patients: the finding is half as probable as its value says."""
    rng = np.random.default_rng(seed)
    patients = np.arange(studies) // per_patient
    risk = np.clip(rng.beta(1, 3, patients.max() + 1)[patients] + rng.normal(0, 0.05, studies), 0, 1)
    values = np.round(risk * 50) / 50
    truth = (rng.random(studies) < 0.5 * risk).astype(np.float64)
    return values, truth, patients


def drawn_number(
    studies: int, seed: int = 0, per_patient: int = 3
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Estimates, known numbers and patients: a patient's errors are alike, and have heavy tails."""
    rng = np.random.default_rng(seed)
    patients = np.arange(studies) // per_patient
    known = rng.uniform(25, 70, studies)
    off = rng.standard_t(3, patients.max() + 1)[patients] * 4 + rng.normal(0, 2, studies)
    return known + off, known, patients


def drawn_reference(studies: int = 400, seed: int = 0) -> Reference:
    """A finding and a number that are known, one finding that hardly anybody has, one that is not known."""
    values, truth, patients = drawn_finding(studies, seed)
    estimated, known, _ = drawn_number(studies, seed)
    rare = np.zeros(studies)
    rare[:3] = 1
    nothing = np.full(studies, np.nan)
    values = np.where(np.arange(studies) % 50 == 7, np.nan, values)
    return Reference(
        values={"ejection_fraction": estimated, PRESSURE: nothing, "tavr": values, "impella": values},
        known={"ejection_fraction": known, "tavr": truth, "impella": rare},
        patients=patients,
        patients_known=np.ones(studies, np.bool_),
        units={"ejection_fraction": "%", PRESSURE: "mmHg", "tavr": "", "impella": ""},
        rows={"rows of the cohort": studies, "with an analysed study": studies},
        other_patient=0,
        identity={"interpretation_id": "i", "encoding_id": "e", "k": 50},
        notices=("drawn: for tests",),
    )
