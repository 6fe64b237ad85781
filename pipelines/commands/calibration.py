"""The command that calibrates an interpretation on known values."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from pipelines.commands.app import app, examples
from pipelines.settings import CalibrateSettings, CalibrationChoices

_DEFAULTS = CalibrationChoices()


@app.command(
    help_epilogue=examples(
        "echoprime calibrate out/ reference.csv calibration.json --page calibration.html",
        "echoprime calibrate out/ reference.csv calibration.json --method platt --threshold sensitivity=0.9",
        "echoprime interpret --bundle bundle/ --output out/ --calibration calibration.json --name calibrated",
    )
)
def calibrate(
    output: str,
    reference: str,
    calibration: str,
    /,
    *,
    choices: Annotated[CalibrationChoices, Parameter(name="*")] = _DEFAULTS,
) -> int:
    """Fit probabilities, thresholds and intervals to known values: a file that `interpret` takes.

    Parameters
    ----------
    output
        Where the jobs wrote: OUTPUT/interpretations/NAME gives the values.
    reference
        CSV or Parquet: study_id, a column for each phenotype that is known, and if known patient_id.
    calibration
        JSON file to write.
    """
    from pipelines.calibrate import calibrate_output as job

    return job(
        CalibrateSettings(
            output=output, reference=reference, calibration=calibration, **dataclasses.asdict(choices)
        )
    )
