"""A list of one's own: CSV or Parquet, columns by any name, kinds of study, members of zip files."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.archive import Entry, ManifestSummary, open_manifest, sorting, write_manifest
from echoprime.archive import manifest as manifest_module
from echoprime.archive.study_list import COLUMNS
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from echoprime.tables import STUDY_KINDS
from tests.echoprime.archive.archives import fill, read_all
from tests.echoprime.archive.packed import zipped

FILES = {f"s/{n}.dcm": b"1" for n in range(10)} | {"s/more.zip": zipped({"IM1": b"1", "IM2": b"2"})}


def listed(
    place: Location, study_list: Location, columns: dict[str, str] | None = None
) -> tuple[ManifestSummary, list[dict[str, Any]]]:
    archive = fill(place / "archive", FILES)
    summary = write_manifest(archive, place / "m.parquet", study_from=study_list, columns=columns)
    return summary, read_all(open_manifest(place / "m.parquet"))


def write_parquet(place: Location, columns: dict[str, Any]) -> Location:
    with place.writing() as file:
        pq.write_table(pa.table(columns), file)
    return place


def test_parquet_with_other_names_and_types(place: Location) -> None:
    study_list = write_parquet(
        place / "list.parquet",
        {
            "Accession": [7, 7, 8],  # whole numbers are written without a point
            "file": ["s/0.dcm", "s/more.zip!/IM2", "s/1.dcm"],
            "MRN": pa.array(
                [12.0, None, 13.0], pa.float64()
            ),  # an integer column with a gap, as pandas writes it
            "when": pa.array([datetime(2024, 2, 29, 13), None, None], pa.timestamp("ns")),
            "STUDY_KIND": ["TEE", None, " Stress echo"],
        },
    )
    names = {"path": "file", "study_id": "accession", "patient_id": "mrn", "acquired_at": "When"}
    summary, rows = listed(place, study_list, names)
    assert [tuple(row[name] for name in COLUMNS) for row in rows] == [
        ("s/0.dcm", "7", "12", datetime(2024, 2, 29, 13, tzinfo=UTC), "transoesophageal"),
        ("s/more.zip!/IM2", "7", None, None, None),
        ("s/1.dcm", "8", "13", None, "stress"),
    ]
    assert summary.study_kinds == {"stress": 1, "transoesophageal": 1}
    assert (summary.studies, summary.patients_known) == (2, 2)
    assert summary.notes["objects without a row in the list, left out"] == 9


def test_every_kind_and_its_other_names(tmp_path: Path) -> None:
    kinds = [*STUDY_KINDS, "TTE", "toe"]
    text = "path,study_id,study_kind\n" + "".join(f"s/{n}.dcm,S{n},{k}\n" for n, k in enumerate(kinds))
    (tmp_path / "l.csv").write_text(text)
    _, rows = listed(Location.parse(tmp_path), Location.parse(tmp_path / "l.csv"))
    assert [row["study_kind"] for row in rows] == [*STUDY_KINDS, "transthoracic", "transoesophageal"]


def test_contradictions_within_a_study_are_counted(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(
        "path,study_id,patient_id,study_kind\n"
        "s/0.dcm,A,P1,TTE\ns/1.dcm,A,P2,TTE\ns/2.dcm,B,P1,TTE\ns/3.dcm,B,P1,stress\ns/4.dcm,B,,\n"
    )
    summary, _ = listed(Location.parse(tmp_path), Location.parse(tmp_path / "l.csv"))
    assert (
        summary.notes["studies of which the list names more than one patient; the first path's counts"] == 1
    )
    assert summary.notes["studies of which the list names more than one kind; the first path's counts"] == 1
    assert summary.study_kinds == {"transthoracic": 2}


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        (
            "path,study_id,study_kind\ns/0.dcm,A,MRI\n",
            {},
            "study_kind of 1 rows is none that is known; write transthoracic, transoesophageal, stress",
        ),
        (
            "path,study_id\ns/0.dcm,A\n",
            {"path": "dicom_filepath"},
            "no column dicom_filepath; looked for dicom_filepath, study_id, found path, study_id",
        ),
        (
            "path,study_id\ns/0.dcm,A\n",
            {"patient_id": "mrn"},
            "no column mrn; looked for path, study_id, mrn, found path, study_id",
        ),
        ("path,Path,study_id\n", {}, "stands in its header line twice"),
        ("path;study_id\ns/0.dcm;A\n", {}, "';' between its columns; save it with commas, as CSV in UTF-8"),
        ("path\tstudy_id\ns/0.dcm\tA\n", {}, "tabs between its columns"),
        ("", {}, "no header line; write the columns' names into the first line"),
        *(
            (
                f"path,study_id,acquired_at\ns/0.dcm,A,{time}\n",
                {},
                "acquired_at of 1 rows is no ISO 8601 time; write it like",
            )
            for time in ("infinity", "12024-01-01", "0000-01-01", "0044-03-15 (BC)")
        ),
    ],
)
def test_what_a_list_gets_wrong_is_one_line(
    tmp_path: Path, text: str, columns: dict[str, str], said: str
) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(ArchiveError) as caught:
        listed(Location.parse(tmp_path), Location.parse(tmp_path / "l.csv"), columns)
    assert said in str(caught.value)
    assert "MRI" not in str(caught.value)


@pytest.mark.parametrize("name", ["l[1].csv", "l*.csv", "l?.csv", "centre=3/study_id=B/l.csv"])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_list_is_the_file_of_its_name_and_no_other(tmp_path: Path, name: str, ending: str) -> None:
    """DuckDB takes such names for patterns, and such folders for columns."""
    place = Location.parse(tmp_path)
    for given, study in (("l1.csv", "other"), (name, "meant")):
        if ending == ".csv":
            (place / given).write_bytes(f"path,study_id\ns/0.dcm,{study}\n".encode())
        else:
            (place / given).write_bytes(b"")
            write_parquet(place / given.replace(".csv", ending), {"path": ["s/0.dcm"], "study_id": [study]})
    _, rows = listed(place, place / name.replace(".csv", ending))
    assert [row["study_id"] for row in rows] == ["meant"]


def test_what_is_no_parquet_file_is_one_line(tmp_path: Path) -> None:
    place = Location.parse(tmp_path)
    (tmp_path / "l.parquet").write_bytes(b"path,study_id\n")
    with pytest.raises(ArchiveError, match=r"l\.parquet: not a Parquet file; write it again, or give a CSV"):
        listed(place, place / "l.parquet")
    write_parquet(place / "l.parquet", {"path": ["s/0.dcm"] * 1000, "study_id": ["A"] * 1000})
    data = bytearray((tmp_path / "l.parquet").read_bytes())
    data[20:60] = bytes(40)
    (tmp_path / "l.parquet").write_bytes(bytes(data))
    with pytest.raises(ArchiveError, match=r"l\.parquet: "):
        listed(place, place / "l.parquet")
    with pytest.raises(ArchiveError, match="a folder; give a CSV or Parquet file"):
        listed(place, place / "archive")


def _join_large(folder: Path) -> int:
    """Peak memory in MB of joining 1,500,000 listed objects to a list, with 150 MB for DuckDB."""
    videos = 1_500_000

    class Many(manifest_module.Listing):
        def __iter__(self) -> Iterator[Entry]:
            for number in range(videos):
                yield Entry(f"a/{number // 60:07d}/1.2.840.{number:012d}.dcm", number, f"{number:032x}")

    manifest_module.Listing, sorting.MEMORY = Many, "150MB"
    schema = pa.schema([("path", pa.string()), ("study_id", pa.int64()), ("patient_id", pa.string())])
    with pq.ParquetWriter(folder / "l.parquet", schema) as writer:
        for begin in range(0, videos, 100_000):
            numbers = range(begin, begin + 100_000)
            paths = [f"a/{number // 60:07d}/1.2.840.{number:012d}.dcm" for number in numbers]
            studies, patients = [n // 60 for n in numbers], [f"P{n // 120}" for n in numbers]
            writer.write_table(pa.table([paths, studies, patients], schema=schema))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    summary = write_manifest(
        Location.parse(folder), Location.parse(folder / "m.parquet"), study_from=folder / "l.parquet"
    )
    assert (summary.videos, summary.studies, summary.patients_known) == (videos, 25_000, 25_000)
    assert not summary.notes
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


@pytest.mark.slow
def test_a_list_is_joined_in_bounded_memory(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_join_large, (tmp_path,)) < 400
