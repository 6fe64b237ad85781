"""Settings of the population study.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Key = Literal["study_id", "patient_id"]
PeriodChoice = Literal["auto", "month", "quarter", "year"]


@dataclass(frozen=True, kw_only=True)
class PopulationSettings:
    """Settings of `echoprime population`."""

    output: str
    """Where the jobs wrote; the results go to OUTPUT/populations/POPULATION."""

    cohort: str
    """CSV or Parquet: study_id or patient_id, and what is known: age, sex, site, device, date, outcomes."""

    name: str = "default"
    """Interpretation to study: OUTPUT/interpretations/NAME."""

    population: str | None = None
    """Name of the result. Default: the interpretation's name."""

    key: Key | None = None
    """Column that says what a row is of. Default: study_id where there is one, else patient_id."""

    by: str = ""
    """Columns that make groups, separated by commas: sex,site,device."""

    known: tuple[str, ...] = ()
    """PHENOTYPE=COLUMN with known values; once for each. A column named like a phenotype needs none."""

    ignore: str = ""
    """Columns of the cohort that are not looked at, separated by commas."""

    date_format: str | None = None
    """How dates are written, as strptime has it: %d.%m.%Y. Default: 2024-02-29 or 20240229."""

    period: PeriodChoice = "auto"
    """Of the trends; auto goes by the time that the cohort spans."""

    least_count: int = 1
    """Counts of studies or patients below it are not shown, nor what they could be reckoned back from."""

    draws: int = 2000
    """Of the bootstrap over patients."""

    seed: int = 0
    """Of the bootstrap: the same seed gives the same intervals."""
