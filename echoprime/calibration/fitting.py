"""Known values to a calibration: every phenotype that can be fitted, and why the others are left as they are.

fitted = calibrate(read_reference(output, reference), Fit(method="platt"))
fitted.calibration.write(Location.parse("calibration.json"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from echoprime.bundle import Calibration
from echoprime.calibration.finding import Finding, Fit, fit_finding
from echoprime.calibration.number import Number, fit_number
from echoprime.calibration.reference import Reference
from echoprime.errors import CohortError
from echoprime.tables.identity import values_identity

NOT_KNOWN = "the reference has no column of it"


@dataclass(frozen=True, eq=False)
class Fitted:
    """A calibration, and the studies' numbers that its page is drawn from.

    Attributes
    ----------
    calibration
        What is written.
    findings, numbers
        By name, in the order of the interpretation's columns.
    notices
        What must be said beside every number.
    """

    calibration: Calibration
    findings: Mapping[str, Finding]
    numbers: Mapping[str, Number]
    notices: tuple[str, ...]


def calibrate(reference: Reference, fit: Fit) -> Fitted:
    """Calibrate what can be; the same studies and values give the same, in whatever order they came.

    Parameters
    ----------
    reference
        From `read_reference`.
    fit
        How.

    Raises
    ------
    CohortError
        Nothing can be calibrated; says why the first that is known cannot.
    """
    findings: dict[str, Finding] = {}
    numbers: dict[str, Number] = {}
    left: dict[str, str] = {}
    for name, unit in reference.units.items():
        if name not in reference.known:
            left[name] = NOT_KNOWN
            continue
        values, known = reference.values[name], reference.known[name]
        both = np.isfinite(values) & np.isfinite(known)
        found: Finding | Number | str
        if unit:
            found = fit_number(values[both], known[both], reference.patients[both], unit, fit)
        else:
            found = fit_finding(values[both], known[both], reference.patients[both], fit)
        if isinstance(found, str):
            left[name] = found
            continue
        found.entry["known_but_not_assessable"] = int((np.isfinite(known) & ~np.isfinite(values)).sum())
        if isinstance(found, Finding):
            findings[name] = found
        else:
            numbers[name] = found
    if not findings and not numbers:
        name = next(iter(reference.known))
        raise CohortError(
            f"no phenotype can be calibrated ({name}: {left[name]}); give more studies with known values"
        )
    entries = {name: (findings | numbers)[name].entry for name in reference.units if name not in left}
    calibration = Calibration(made_from=_made_from(reference, fit), phenotypes=entries, left=left)
    return Fitted(calibration, findings, numbers, reference.notices)


def _made_from(reference: Reference, fit: Fit) -> dict[str, Any]:
    return {
        "interpretation_id": reference.identity.get("interpretation_id"),
        "values_from": values_identity(reference.identity),
        "notices": list(reference.notices),
        "method": fit.method,
        "folds": fit.folds,
        "threshold": str(fit.wanted),
        "coverage": fit.coverage,
        "minimum": fit.minimum,
        "rows": dict(reference.rows),
        "patients": len(np.unique(reference.patients)),
        "studies_of_unknown_patient": int((~reference.patients_known).sum()),
        "studies_of_another_patient_than_the_tables_say": reference.other_patient,
    }
