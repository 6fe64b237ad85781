"""A drawn archive and an untrained bundle: the whole system on any machine, and no patient in it."""

from echoprime.demonstration.archive import DrawnStudy, draw_archive, drawn_studies, repair_damaged
from echoprime.demonstration.bundle import NOTICE, write_demonstration_bundle
from echoprime.demonstration.cohort import write_cohort
from echoprime.demonstration.dicom import loop_to_dicom
from echoprime.demonstration.phantom import DRAWN_VIEWS, draw_loop

__all__ = [
    "DRAWN_VIEWS",
    "NOTICE",
    "DrawnStudy",
    "draw_archive",
    "draw_loop",
    "drawn_studies",
    "loop_to_dicom",
    "repair_damaged",
    "write_cohort",
    "write_demonstration_bundle",
]
