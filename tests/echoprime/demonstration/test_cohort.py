"""The drawn cohort fits the drawn archive, apart from what it is meant to lack."""

from __future__ import annotations

import csv
from pathlib import Path

from echoprime.demonstration import drawn_studies, write_cohort
from echoprime.demonstration.archive import REAL_STUDY
from echoprime.demonstration.cohort import NOT_IN_ARCHIVE


def test_it_fits_the_archive(tmp_path: Path) -> None:
    file = write_cohort(tmp_path, drawn_studies())
    with file.open(newline="") as source:
        rows = {row["study_id"]: row for row in csv.DictReader(source)}
    drawn = {study.study_id: study.ejection_fraction for study in drawn_studies()}
    assert set(rows) - set(drawn) == {NOT_IN_ARCHIVE}
    assert set(drawn) - set(rows) == {REAL_STUDY}
    assert all(float(rows[name]["drawn_ejection_fraction"]) == drawn[name] for name in set(rows) & set(drawn))
    patients = [row["patient_id"] for row in rows.values()]
    assert len(set(patients)) == len(patients) - 2


def test_it_is_left_alone_where_it_is_there(tmp_path: Path) -> None:
    file = write_cohort(tmp_path, drawn_studies())
    before = file.stat().st_mtime_ns
    assert write_cohort(tmp_path, drawn_studies()).stat().st_mtime_ns == before
