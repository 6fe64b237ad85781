"""Lists of public data sets, drawn small: each gives its studies, patients and kinds."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from echoprime.archive import open_manifest, write_manifest
from echoprime.archive.data_sets import looks_like
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from tests.echoprime.archive.archives import fill, read_all
from tests.echoprime.archive.packed import zipped

MIMIC = {
    "echo-record-list.csv": b"subject_id,study_id,acquisition_datetime,dicom_filepath\n"
    b"10,91,2180-03-04 12:05:11,files/p10/p10/s91/91_0001.dcm\n"
    b"10,91,2180-03-04 12:06:11,/files/p10/p10/s91/91_0002.dcm\n"
    b"11,92,2181-01-01 00:00:00,files/p11/p11/s92/92_0001.dcm\n"
    b"11,93,2181-01-02 00:00:00,files/p11/p11/s93/93_0001.dcm\n"
    b"12,94,,files/p12/p12/s94/94_0001.dcm\n",
    "echo-study-list.csv": b"subject_id,study_id,study_datetime,note_id,note_seq,measurement_id\n"
    b"10,91,2180-03-04 12:00:00,n1,1,7001\n"
    b"10,91,2180-03-04 12:00:00,n2,2,7001\n"
    b"11,92,,,,7002\n"
    b"11,93,,,,7003\n",
    "structured-measurement.csv.gz": gzip.compress(
        b"subject_id,measurement_id,measurement_datetime,test_type,measurement,result,unit\n"
        b"10,7001,2180-03-04 12:00:00,TTE,lvef,55,%\n"
        b'10,7001,2180-03-04 12:00:00,tte,"note, of a kind",x,\n'
        b"11,7002,2181-01-01 00:00:00,TEE,lvef,50,%\n"
        b"11,7003,2181-01-01 00:00:00,CT,lvef,50,%\n"
    ),
    "files/p10/p10/s91/91_0001.dcm": b"1",
    "files/p10/p10/s91/91_0002.dcm": b"2",
    "files/p11/p11/s92/92_0001.dcm": b"3",
    "files/p11/p11/s93/93_0001.dcm": b"4",
    "files/p13/p13/s95/95_0001.dcm": b"5",
}
DYNAMIC = {
    "FileList.csv": b"FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split\n"
    b"0X1A,78.4,14.8,69.2,112,112,50,174,VAL\n0X1B,59.1,40.3,98.7,112,112,50,215,TRAIN\n0X1C,1,1,1,1,1,1,1,TEST\n",
    "VolumeTracings.csv": b"FileName,X1,Y1,X2,Y2,Frame\n",
    "Videos/0X1A.avi": b"1",
    "Videos/0X1B.avi": b"2",
    "Videos/0X1D.avi": b"3",
    "EchoNet-Dynamic.zip": zipped({"EchoNet-Dynamic/Videos/0X1A.avi": b"1"}),
}
PEDIATRIC = {
    "A4C/FileList.csv": b"FileName,EF,Sex,Age,Weight,Height,Split\nCR1-CR9-000001.avi,61,F,7,22,120,0\n",
    "A4C/Videos/CR1-CR9-000001.avi": b"1",
    "PSAX/FileList.csv": b"filename,EF,Sex,Age,Weight,Height,Split\n"
    b"CR1-CR9-000002.avi,61,F,7,22,120,0\nother.avi,,M,1,,,3\n",
    "PSAX/Videos/CR1-CR9-000002.avi": b"2",
    "PSAX/Videos/other.avi": b"3",
}
LVH = {
    "MeasurementsList.csv": b",HashedFileName,Calc,CalcValue,Frame,X1,X2,Y1,Y2,"
    b"Frames,FPS,Width,Height,split\n"
    b"0,0X1A,LVPWd,1.2,3,1,2,3,4,50,50,1024,768,train\n1,0X1A,IVSd,1.1,3,1,2,3,4,50,50,1024,768,train\n"
    b"2,0X1B,IVSd,1.1,3,1,2,3,4,50,50,1024,768,val\n",
    "Batch1/0X1A.avi": b"1",
    "Batch3/0X1B.avi": b"2",
}


def listed(place: Location, files: dict[str, bytes], name: str):
    archive = fill(place / "archive", files)
    summary = write_manifest(archive, place / "m.parquet", study_from=name)
    opened = open_manifest(place / "m.parquet")
    assert opened.study_from == name
    assert looks_like(archive) == name
    return summary, read_all(opened)


def test_mimic_iv_echo(tmp_path: Path) -> None:
    summary, rows = listed(Location.parse(tmp_path), MIMIC, "mimic-iv-echo")
    assert [(r["study_id"], r["path"][-11:], r["patient_id"], r["study_kind"]) for r in rows] == [
        ("91", "91_0001.dcm", "10", "transthoracic"),
        ("91", "91_0002.dcm", "10", "transthoracic"),
        ("92", "92_0001.dcm", "11", "transoesophageal"),
        ("93", "93_0001.dcm", "11", None),
    ]
    assert [row["acquired_at"] for row in rows] == [
        datetime(2180, 3, 4, 12, 0, tzinfo=UTC),  # the study's
        datetime(2180, 3, 4, 12, 0, tzinfo=UTC),
        datetime(2181, 1, 1, tzinfo=UTC),  # the record's, where the study's is not known
        datetime(2181, 1, 2, tzinfo=UTC),
    ]
    assert summary.notes == {
        "rows of the list without an object": 1,
        "objects without a row in the list, left out": 1,
    }
    assert summary.study_kinds == {"": 1, "transthoracic": 1, "transoesophageal": 1}
    assert (summary.studies, summary.patients_known) == (3, 3)


def test_mimic_iv_echo_of_its_first_version(tmp_path: Path) -> None:
    """Its lists have fewer columns; without the list of studies the records' times count."""
    files = {name: data for name, data in MIMIC.items() if name not in ("structured-measurement.csv.gz",)}
    files["echo-study-list.csv"] = b"study_id,subject_id,study_datetime,note_id\n92,11,2190-01-01,\n"
    _, rows = listed(Location.parse(tmp_path / "a"), files, "mimic-iv-echo")
    assert [str(row["acquired_at"])[:4] for row in rows] == ["2180", "2180", "2190", "2181"]
    assert {row["study_kind"] for row in rows} == {None}
    del files["echo-study-list.csv"]
    _, rows = listed(Location.parse(tmp_path / "b"), files, "mimic-iv-echo")
    assert [str(row["acquired_at"])[:4] for row in rows] == ["2180", "2180", "2181", "2181"]


def test_echonet_dynamic(tmp_path: Path) -> None:
    summary, rows = listed(Location.parse(tmp_path), DYNAMIC, "echonet-dynamic")
    assert [(row["study_id"], row["path"], row["patient_id"], row["study_kind"]) for row in rows] == [
        ("0X1A", "Videos/0X1A.avi", None, None),
        ("0X1B", "Videos/0X1B.avi", None, None),
    ]
    assert list(summary.notes.items()) == [
        ("rows of the list without an object", 1),
        ("objects without a row in the list, left out", 2),
        ("zip and tar files, whose members are listed", 1),
    ]
    assert summary.left_out == {".csv": 2}
    assert (summary.patients_known, summary.study_kinds) == (0, {"": 2})


def test_echonet_pediatric(tmp_path: Path) -> None:
    """Both views of one examination are one study; names of another form are studies of their own."""
    summary, rows = listed(Location.parse(tmp_path / "both"), PEDIATRIC, "echonet-pediatric")
    assert [(row["study_id"], row["path"], row["patient_id"]) for row in rows] == [
        ("CR1-CR9", "A4C/Videos/CR1-CR9-000001.avi", "CR1"),
        ("CR1-CR9", "PSAX/Videos/CR1-CR9-000002.avi", "CR1"),
        ("other", "PSAX/Videos/other.avi", None),
    ]
    assert summary.study_kinds == {"paediatric": 2}
    assert summary.notes == {}
    archive = Location.parse(tmp_path / "both/archive/PSAX")
    summary = write_manifest(archive, Location.parse(tmp_path / "m.parquet"), study_from="echonet-pediatric")
    assert (summary.studies, summary.videos, summary.study_kinds) == (2, 2, {"paediatric": 2})


def test_echonet_lvh(tmp_path: Path) -> None:
    summary, rows = listed(Location.parse(tmp_path), LVH, "echonet-lvh")
    assert [(row["study_id"], row["path"]) for row in rows] == [
        ("0X1A", "Batch1/0X1A.avi"),
        ("0X1B", "Batch3/0X1B.avi"),
    ]
    assert summary.notes == {}


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("mimic-iv-echo", DYNAMIC, "looked for echo-record-list.csv, which is not there"),
        ("echonet-dynamic", MIMIC, "looked for FileList.csv, which is not there"),
        ("echonet-pediatric", LVH, "looked for FileList.csv or A4C/FileList.csv or PSAX/FileList.csv"),
        (
            "echonet-lvh",
            LVH | {"MeasurementsList.csv": b",File,X1\n1,a,2\n"},
            "no column HashedFileName; looked for HashedFileName, found unnamed 1, File, X1",
        ),
        (
            "mimic-iv-echo",
            MIMIC | {"echo-record-list.csv": b"subject_id,study,dicom_filepath\n"},
            "no column study_id; looked for dicom_filepath, study_id, found subject_id, study, dicom_file",
        ),
        (
            "echonet-dynamic",
            DYNAMIC | {"Copies/0X1A.avi": b"1"},
            "1 of its names fit several files of the archive; keep one file for each",
        ),
        (
            "echonet-dynamic",
            DYNAMIC | {"FileList.csv": b"FileName\n0X9\n"},
            "none of its 1 paths is among the 4 listed objects",
        ),
        (
            "mimic-iv-echo",
            MIMIC | {"structured-measurement.csv.gz": b"no gzip"},
            "cannot be read as a CSV with a header line",
        ),
    ],
)
def test_wrong_lists_are_refused_in_one_line(
    tmp_path: Path, name: str, files: dict[str, bytes], said: str
) -> None:
    place = Location.parse(tmp_path)
    with pytest.raises(ArchiveError) as caught:
        write_manifest(fill(place / "archive", files), place / "m.parquet", study_from=name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert place.names() == ["archive"]


def test_most_archives_look_like_none(tmp_path: Path) -> None:
    assert looks_like(Location.parse(tmp_path)) is None
