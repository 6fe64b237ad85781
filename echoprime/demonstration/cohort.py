"""A drawn cohort for the drawn archive: who its hearts would belong to. Nobody: every value is made up here.

`cohort.csv` lies beside the archive. Two patients came twice, one row joins no study, one study is in no row.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from echoprime.demonstration.archive import DrawnStudy

COHORT = "cohort.csv"
COLUMNS = ("study_id", "patient_id", "age", "sex", "site", "device", "date", "drawn_ejection_fraction")
NOT_IN_ARCHIVE = "drawn-99"
"""Study of the row that joins nothing."""

# Study, patient, age, sex, site, device, day. The real loop's study is left out: nothing of it is known.
_ROWS = (
    ("drawn-01", "DRAWN-A", 58, "F", "north", "scanner 1", "2024-02-12"),
    ("drawn-02", "DRAWN-A", 59, "F", "north", "scanner 1", "2025-03-03"),
    ("drawn-03", "DRAWN-B", 71, "M", "south", "scanner 2", "2024-04-22"),
    ("drawn-04", "DRAWN-C", 66, "M", "north", "scanner 2", "2024-06-10"),
    ("drawn-05", "DRAWN-D", 49, "F", "south", "scanner 1", "2024-08-05"),
    ("drawn-06", "DRAWN-D", 50, "F", "south", "scanner 2", "2025-07-14"),
    ("drawn-07", "DRAWN-E", 34, "M", "south", "scanner 2", "2024-11-18"),
    ("drawn-08", "DRAWN-F", 62, "F", "north", "scanner 1", "2025-01-27"),
    ("drawn-09", "DRAWN-G", 27, "M", "north", "scanner 1", "2025-05-19"),
    (NOT_IN_ARCHIVE, "DRAWN-H", 80, "M", "south", "scanner 2", "2025-06-02"),
)


def write_cohort(directory: str | Path, studies: tuple[DrawnStudy, ...]) -> Path:
    """Write the cohort of a drawn archive, or leave the one that is there as it is, if it says the same.

    Parameters
    ----------
    directory
        The folder that holds the archive; `cohort.csv` is written into it.
    studies
        What the archive holds; the ejection fractions are theirs.

    Returns
    -------
    pathlib.Path
        The file.
    """
    path, content = Path(directory) / COHORT, cohort_csv(studies)
    if not path.is_file() or path.read_bytes() != content:
        temporary = path.parent / f".{COHORT}.part"
        temporary.write_bytes(content)
        temporary.replace(path)
    return path


def cohort_csv(studies: tuple[DrawnStudy, ...]) -> bytes:
    """The cohort as CSV: study_id, patient_id, age, sex, site, device, date, ejection fraction as drawn in %.

    Examples
    --------
    >>> studies = (DrawnStudy("drawn-01", 20.0, ("A4C",), ("0001.dcm",)),)
    >>> cohort_csv(studies).decode().splitlines()[1]
    'drawn-01,DRAWN-A,58,F,north,scanner 1,2024-02-12,20'
    """
    drawn = {study.study_id: study.ejection_fraction for study in studies}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _ROWS:
        fraction = drawn.get(row[0])
        writer.writerow([*row, "" if fraction is None else f"{fraction:g}"])
    return text.getvalue().encode()
