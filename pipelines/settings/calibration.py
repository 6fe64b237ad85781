"""Settings of the calibration.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["isotonic", "platt"]


@dataclass(frozen=True, kw_only=True)
class CalibrationChoices:
    """How a calibration is fitted."""

    name: str = "default"
    """Interpretation to calibrate: OUTPUT/interpretations/NAME."""

    known: tuple[str, ...] = ()
    """PHENOTYPE=COLUMN with known values; once for each. A column named like a phenotype needs none."""

    ignore: str = ""
    """Columns of the reference that are not looked at, separated by commas."""

    method: Method = "isotonic"
    """Of findings. platt: a logistic curve, for few studies; isotonic: any rising one, for hundreds."""

    folds: int = 5
    """Of the cross-fitting: what is said of a patient was fitted without him."""

    threshold: str = "youden"
    """What a call's threshold must give: youden, sensitivity=0.9 or specificity=0.9."""

    coverage: float = 0.9
    """How often the interval of a number must hold the known one."""

    minimum: int = 20
    """Studies with a finding, and without, below which it is left as it is; of a number: studies."""

    page: str | None = None
    """Write a page with reliability diagrams, too: calibration.html."""


@dataclass(frozen=True, kw_only=True)
class CalibrateSettings(CalibrationChoices):
    """Settings of `echoprime calibrate`."""

    output: str
    """Where the jobs wrote."""

    reference: str
    """CSV or Parquet: study_id, a column for each phenotype that is known, and if known patient_id."""

    calibration: str
    """JSON file to write; `interpret --calibration` takes it."""
