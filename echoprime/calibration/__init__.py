"""A calibration fitted to a cohort of one's own: probabilities, thresholds, intervals, how far they hold."""

from echoprime.calibration.finding import Finding, Fit
from echoprime.calibration.fitting import Fitted, calibrate
from echoprime.calibration.number import Number
from echoprime.calibration.page import calibration_page
from echoprime.calibration.reference import Reference, read_reference
from echoprime.calibration.thresholds import Wanted

__all__ = [
    "Finding",
    "Fit",
    "Fitted",
    "Number",
    "Reference",
    "Wanted",
    "calibrate",
    "calibration_page",
    "read_reference",
]
