"""Public data sets, by the lists that come with them; columns are found by name, as sources differ.

MIMIC-IV-ECHO 0.1 and 1.0 (PhysioNet), EchoNet-Dynamic, EchoNet-Pediatric and EchoNet-LVH (Stanford).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import duckdb

from echoprime.archive.list_file import ListFile, open_list
from echoprime.archive.study_list import StudyList
from echoprime.errors import ArchiveError
from echoprime.storage import Location

RECORDS, STUDIES = "echo-record-list.csv", "echo-study-list.csv"
MEASUREMENTS = ("structured-measurement.csv.gz", "structured-measurement.csv")
FILES, LVH = "FileList.csv", "MeasurementsList.csv"
VIEWS = ("A4C", "PSAX")

Connection: TypeAlias = duckdb.DuckDBPyConnection

_NAME = r"regexp_replace({}, '\.[Aa][Vv][Ii]$', '')"
"""A file's name with or without its ending."""

_STEM = (
    r"CASE WHEN path NOT LIKE '%!/%' THEN nullif(regexp_extract(path, '([^/]+)\.[Aa][Vv][Ii]$', 1), '') END"
)
"""Of a listed path; of none in the zip file that a data set came in, which often still lies beside it."""


def mimic_iv_echo(connection: Connection, archive: Location, scratch: Path) -> StudyList:
    """MIMIC-IV-ECHO: study, patient and time by its lists; the kind of study where its measurements have it.

    `echo-record-list.csv` has a row a file: dicom_filepath, study_id, subject_id, acquisition_datetime.
    `echo-study-list.csv`, if it is there, has the study's time and, from 1.0 on, the measurement that
    `structured-measurement.csv.gz` has the type of test for; studies without one are of no known kind.
    """
    records = _open(connection, archive, (RECORDS,), scratch)
    records.require(["dicom_filepath", "study_id"])
    known = "SELECT NULL AS study_id, NULL AS time, NULL AS kind WHERE false"
    if (archive / STUDIES).exists():
        known = _studies(
            open_list(connection, archive / STUDIES, scratch), _tests(connection, archive, scratch)
        )
    query = (
        f"SELECT regexp_replace(r.key, '^[./]*/', '') AS key, r.study_id, r.patient_id, "
        "coalesce(s.time, r.time) AS acquired_at, s.kind AS study_kind "
        f"FROM (SELECT {records.text('dicom_filepath')} AS key, {records.text('study_id')} AS study_id, "
        f"{records.text('subject_id')} AS patient_id, {records.text('acquisition_datetime')} AS time "
        f"FROM {records.table}) r LEFT JOIN ({known}) s ON r.study_id = s.study_id"
    )
    return StudyList(records.place, query, strict=False)


def _studies(studies: ListFile, tests: str) -> str:
    """SQL of every study's time, and the kind of test that its measurements are of: one, or none is known."""
    studies.require(["study_id"])
    columns = {"study_id": "study_id", "time": "study_datetime", "measurement": "measurement_id"}
    picked = ", ".join(f"{studies.text(own)} AS {name}" for name, own in columns.items())
    kind = "CASE WHEN count(DISTINCT lower(test)) = 1 THEN min(test) END"
    return (
        f"SELECT study_id, min(time) AS time, {kind} AS kind FROM (SELECT {picked} FROM {studies.table}) "
        f"LEFT JOIN ({tests}) USING (measurement) GROUP BY study_id"
    )


def _tests(connection: Connection, archive: Location, scratch: Path) -> str:
    """SQL of measurement and type of test; of none where no file has them."""
    place = next((archive / name for name in MEASUREMENTS if (archive / name).exists()), None)
    found = None if place is None else open_list(connection, place, scratch)
    if found is None or not {"measurement_id", "test_type"} <= set(found.columns):
        return "SELECT NULL::VARCHAR AS measurement, NULL::VARCHAR AS test WHERE false"
    return (
        f"SELECT {found.text('measurement_id')} AS measurement, min({found.text('test_type')}) AS test "
        f"FROM {found.table} GROUP BY 1"  # by the first column here, whatever a file's are called
    )


def echonet_dynamic(connection: Connection, archive: Location, scratch: Path) -> StudyList:
    """EchoNet-Dynamic: a video is a study, of a patient that is not known."""
    return _by_video(connection, archive, scratch, FILES, "FileName")


def echonet_lvh(connection: Connection, archive: Location, scratch: Path) -> StudyList:
    """EchoNet-LVH: a video is a study, of a patient that is not known; its list has a row a measurement."""
    return _by_video(connection, archive, scratch, LVH, "HashedFileName")


def _by_video(connection: Connection, archive: Location, scratch: Path, name: str, column: str) -> StudyList:
    found = _open(connection, archive, (name,), scratch)
    found.require([column])
    key = _NAME.format(found.text(column))
    query = (
        f"SELECT DISTINCT {key} AS key, {key} AS study_id, NULL::VARCHAR AS patient_id, "
        f"NULL::VARCHAR AS acquired_at, NULL::VARCHAR AS study_kind FROM {found.table}"
    )
    return StudyList(found.place, query, _STEM)


def echonet_pediatric(connection: Connection, archive: Location, scratch: Path) -> StudyList:
    """EchoNet-Pediatric: one list for each view; a name is patient-study-number, all studies are paediatric.

    The archive is the folder of both views, or of one. A name of another form is a study of its own.
    """
    views = [view for view in VIEWS if (archive / view / FILES).exists()]
    places = [f"{view}/{FILES}" for view in views] or [FILES]
    parts = []
    for place in places:
        found = _open(connection, archive, (place, *(f"{view}/{FILES}" for view in VIEWS)), scratch)
        found.require(["FileName"])
        parts.append(
            f"SELECT '{place.removesuffix(FILES)}' AS folder, {_NAME.format(found.text('FileName'))} AS name "
            f"FROM {found.table}"
        )
    form = "'^(([^-]+)-[^-]+)-[0-9]+$'"
    query = (
        "SELECT folder || name AS key, "
        f"coalesce(nullif(regexp_extract(name, {form}, 1), ''), name) AS study_id, "
        f"nullif(regexp_extract(name, {form}, 2), '') AS patient_id, "
        "NULL::VARCHAR AS acquired_at, 'paediatric' AS study_kind "
        f"FROM ({' UNION ALL '.join(parts)})"
    )
    folder = "regexp_extract(path, '^[^/]+/')" if views else "''"
    return StudyList(archive / places[0], query, f"{folder} || ({_STEM})")


def _open(connection: Connection, archive: Location, names: tuple[str, ...], scratch: Path) -> ListFile:
    archive.require_reachable("archive", ArchiveError, must_exist=True)
    if not (archive / names[0]).exists():
        raise ArchiveError(
            f"archive {archive}: looked for {' or '.join(names)}, which is not there; give the folder that "
            "has it, or another --study-from"
        )
    return open_list(connection, archive / names[0], scratch)


DATA_SETS: dict[str, Callable[[Connection, Location, Path], StudyList]] = {
    "mimic-iv-echo": mimic_iv_echo,
    "echonet-dynamic": echonet_dynamic,
    "echonet-pediatric": echonet_pediatric,
    "echonet-lvh": echonet_lvh,
}
"""Names of the data sets that are known -> what opens their lists."""

_MARKS = {
    "mimic-iv-echo": RECORDS,
    "echonet-dynamic": FILES,
    "echonet-pediatric": f"{VIEWS[0]}/{FILES}",
    "echonet-lvh": LVH,
}


def looks_like(archive: Location) -> str | None:
    """The data set that an archive may be, by its lists' names; None for most archives."""
    return next((name for name, mark in _MARKS.items() if (archive / mark).exists()), None)
