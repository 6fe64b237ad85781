"""Manifests: every listed video once, sorted, with its study by folder, header or table."""

from __future__ import annotations

import multiprocessing
import resource
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.archive import manifest as manifest_module
from echoprime.archive import open_manifest, write_manifest
from echoprime.archive.dicom_header import acquired, read_header
from echoprime.archive.listing import Entry
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from echoprime.tables import MANIFEST
from tests.echoprime.archive.archives import dicom, fill, read_all, write_rows

FILES = {
    "s2/b.dcm": b"22",
    "s2/a.dcm": b"1",
    "s10/x/y.dcm": b"333",
    "s10/z.mp4": b"",
    "root.dcm": b"1",
    "note.txt": b"x",
}


def test_folders_are_studies(place: Location) -> None:
    archive = fill(place / "archive", FILES)
    summary = write_manifest(archive, place / "out/manifest.parquet")
    assert (summary.studies, summary.videos, summary.bytes) == (4, 5, 7)
    assert summary.left_out == {".txt": 1}
    assert summary.notes == {}
    opened = open_manifest(place / "out/manifest.parquet")
    assert (opened.root, opened.rows, opened.studies, opened.study_from) == (archive, 5, 4, "folder")
    assert [(row["study_id"], row["path"], row["size"]) for row in read_all(opened)] == [
        (".", "root.dcm", 1),
        ("s10", "s10/z.mp4", 0),
        ("s10/x", "s10/x/y.dcm", 3),
        ("s2", "s2/a.dcm", 1),
        ("s2", "s2/b.dcm", 2),
    ]


def test_a_listing_in_order_is_not_sorted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Location.parse(tmp_path)
    archive = fill(place / "archive", {f"{study}/{number}.dcm": b"1" for study in "abc" for number in "123"})
    monkeypatch.setattr(manifest_module, "batches", lambda *_: pytest.fail("sorted"))
    monkeypatch.setattr(manifest_module, "BATCH", 2)
    monkeypatch.setattr(manifest_module, "ROWS_PER_GROUP", 2)
    summary = write_manifest(archive, place / "m.parquet")
    assert (summary.studies, summary.videos, summary.bytes) == (3, 9, 9)
    opened = open_manifest(place / "m.parquet")
    assert opened.studies == 3
    assert [row["path"] for row in read_all(opened)] == [f"{s}/{n}.dcm" for s in "abc" for n in "123"]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_paths_in_order_whose_studies_are_not_are_sorted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """By their bytes "a-b/" comes before "a/", and the study "a" before "a-b"."""
    place = Location.parse(tmp_path)
    archive = fill(
        place / "archive", {"a/1.dcm": b"1", "a-b/1.dcm": b"1", "a-b/2.dcm": b"1", "b/1.dcm": b"1"}
    )
    assert next(iter(manifest_module.Listing(archive))).path == "a-b/1.dcm"
    monkeypatch.setattr(manifest_module, "BATCH", batch)
    monkeypatch.setattr(manifest_module, "ROWS_PER_GROUP", batch)
    assert write_manifest(archive, place / "m.parquet").studies == 3
    rows = read_all(open_manifest(place / "m.parquet"))
    assert [row["path"] for row in rows] == ["a/1.dcm", "a-b/1.dcm", "a-b/2.dcm", "b/1.dcm"]


def test_reading_a_manifest_keeps_nothing_of_what_was_read(tmp_path: Path) -> None:
    rows = [("s", f"s/{n:06d}", n, secrets.token_hex(64)) for n in range(100_000)]
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", rows))  # 100 row groups, 7 MB
    size = (tmp_path / "m.parquet").stat().st_size
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in manifest.batches()]
    assert size > 4 << 20
    assert max(held) < size / 10


@pytest.mark.s3
def test_folder_and_bucket_give_the_same_but_for_tokens(tmp_path: Path, s3_location: Location) -> None:
    tables = []
    for place in (Location.parse(tmp_path), s3_location):
        write_manifest(fill(place / "archive", FILES), place / "m.parquet")
        with pq.ParquetFile((place / "m.parquet").path, filesystem=place.arrow_filesystem) as file:
            assert file.schema_arrow.equals(MANIFEST)
            tables.append(file.read().drop_columns(["token"]))
    assert tables[0].equals(tables[1])


def test_dicom_headers_name_studies(place: Location) -> None:
    archive = fill(
        place / "archive",
        {
            "a/1": dicom("1.2.3", PatientID="P 1", StudyDate="20240229", StudyTime="131501.25"),
            "b/2": dicom("1.2.3", PatientID="P 1", private=300_000),
            "b/3": dicom("1.2.9", preamble=False),
            "b/4": dicom(None, PatientID="P 2"),
            "c/5.mp4": b"no dicom",
            "c/6.dcm": b"no dicom either" * 20,
            "c/7.dcm": dicom("1.2.3")[:200],
            "c/8.dcm": b"",
        },
    )
    summary = write_manifest(archive, place / "m.parquet", study_from="dicom")
    assert summary.notes == {"objects without StudyInstanceUID, by folder": 5}
    rows = read_all(open_manifest(place / "m.parquet"))
    assert [(row["study_id"], row["path"], row["patient_id"]) for row in rows] == [
        ("1.2.3", "a/1", "P 1"),
        ("1.2.3", "b/2", "P 1"),
        ("1.2.9", "b/3", None),
        ("b", "b/4", "P 2"),
        ("c", "c/5.mp4", None),
        ("c", "c/6.dcm", None),
        ("c", "c/7.dcm", None),
        ("c", "c/8.dcm", None),
    ]
    assert rows[0]["acquired_at"] == datetime(2024, 2, 29, 13, 15, 1, 250_000, UTC)
    assert rows[1]["acquired_at"] is None


def test_only_the_header_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from echoprime.archive import dicom_header

    root = fill(
        Location.parse(tmp_path), {"a": dicom("1.2.3") + bytes(2_000_000), "b": dicom("1.2", private=300_000)}
    )
    sizes: list[int] = []
    original = dicom_header.parse_header

    def parse(data: bytes, *, whole: bool):
        sizes.append(len(data))
        return original(data, whole=whole)

    monkeypatch.setattr(dicom_header, "parse_header", parse)
    assert read_header(root, "a", (tmp_path / "a").stat().st_size).study_id == "1.2.3"
    assert sizes == [65_536]
    sizes.clear()
    size = (tmp_path / "b").stat().st_size
    assert read_header(root, "b", size).study_id == "1.2"
    assert sizes == [65_536, size]


@pytest.mark.parametrize(
    ("date", "time", "offset", "expected"),
    [
        ("20240229", "", "", datetime(2024, 2, 29, tzinfo=UTC)),
        ("20240229", "99", "", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024.02.29", "13:15:59", "", datetime(2024, 2, 29, 13, 15, 59, tzinfo=UTC)),
        ("20240229", "000000.5", "-0500", datetime(2024, 2, 29, 5, 0, 0, 500_000, UTC)),
        ("", "131500", "", None),
        ("20230229", "", "", None),
    ],
)
def test_times_of_headers(date: str, time: str, offset: str, expected: datetime | None) -> None:
    assert acquired(date, time, offset) == expected


def test_a_table_names_studies(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    archive = fill(place / "archive", FILES)
    csv = place / "studies.csv"
    csv.write_bytes(
        b"note,study_id,path,patient_id,acquired_at\n"
        b'"a, b",S1,s2/b.dcm,P1,2024-02-29T13:15:00Z\n'
        b"x,S1,./root.dcm,P1,2024-02-29 13:15\n"
        + f"x,0007,{archive}/s2/a.dcm,,2024-02-29T13:15:00+01:00\n".encode()
        + b"x,S9,gone.dcm,,\n"
    )
    summary = write_manifest(archive, place / "m.parquet", study_from=csv)
    assert (summary.studies, summary.videos) == (2, 3)
    assert summary.notes == {
        "rows of the list without an object": 1,
        "objects without a row in the list, left out": 2,
    }
    opened = open_manifest(place / "m.parquet")
    assert opened.study_from == "list"
    rows = [(r["study_id"], r["path"], r["patient_id"], r["acquired_at"]) for r in read_all(opened)]
    assert rows == [
        ("0007", "s2/a.dcm", None, datetime(2024, 2, 29, 12, 15, tzinfo=UTC)),
        ("S1", "root.dcm", "P1", datetime(2024, 2, 29, 13, 15, tzinfo=UTC)),
        ("S1", "s2/b.dcm", "P1", datetime(2024, 2, 29, 13, 15, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,study\nx,y\n", "no column path or study_id; looked for path, study_id, found file, study"),
        ("path,study_id\ns2/a.dcm,\n", "1 rows without path or study_id"),
        ("path,study_id\ns2/a.dcm,A\ns2/a.dcm,B\n", "1 paths stand in it more than once"),
        ("path,study_id,acquired_at\ns2/a.dcm,A,yesterday\n", "acquired_at of 1 rows is no ISO 8601 time"),
        ("path,study_id\nnothing.dcm,A\n", "none of its 1 paths is among the 5 listed objects"),
        ("", "no header line; write the columns' names into the first line"),
        (
            "path,study_id\ns2/a.dcm,A,B\n",
            "s.csv: row 2, the header being row 1, cannot be read; as many fields",
        ),
        ("path,study_id\rs2/a.dcm,A\r", "cannot be read as a CSV with a header line"),
        ("path,study_id,path\ns2/a.dcm,A,x\n", "stands in its header line twice"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    archive = fill(Location.parse(tmp_path / "archive"), FILES)
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(ArchiveError, match=said) as caught:
        write_manifest(archive, Location.parse(tmp_path / "m.parquet"), study_from=tmp_path / "s.csv")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m.parquet").exists()


def test_a_missing_table_or_archive_is_refused(tmp_path: Path) -> None:
    place = Location.parse(tmp_path)
    with pytest.raises(ArchiveError, match=r"archive .*/none: nothing is there"):
        write_manifest(place / "none", place / "m.parquet")
    fill(place / "archive", FILES)
    with pytest.raises(ArchiveError, match=r"list .*/none.csv: nothing is there"):
        write_manifest(place / "archive", place / "m.parquet", study_from="none.csv")


def test_an_empty_archive_is_refused_and_told_what_was_seen(place: Location) -> None:
    fill(place / "archive", {"a.txt": b"", "b.txt": b"", "DICOMDIR": b""})
    with pytest.raises(ArchiveError, match=r"no videos in it \(left out: 2 \.txt, 1 DICOMDIR\)"):
        write_manifest(place / "archive", place / "m.parquet")
    assert not (place / "m.parquet").exists()


@pytest.mark.s3
def test_a_missing_bucket_is_refused(s3_location: Location) -> None:
    with pytest.raises(ArchiveError, match="has no bucket 'no-such-bucket'"):
        write_manifest(Location.parse("s3://no-such-bucket/a"), s3_location / "m.parquet")
    fill(s3_location, FILES)
    with pytest.raises(ArchiveError, match="has no bucket 'no-such-bucket'"):
        write_manifest(s3_location, Location.parse("s3://no-such-bucket/m.parquet"))


def test_a_failed_run_leaves_the_old_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Location.parse(tmp_path)
    fill(place / "archive", FILES)
    write_manifest(place / "archive", place / "m.parquet")
    before = (tmp_path / "m.parquet").read_bytes()
    monkeypatch.setattr(
        manifest_module, "_write_sorted", lambda *_: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        write_manifest(place / "archive", place / "m.parquet")
    assert (tmp_path / "m.parquet").read_bytes() == before
    assert sorted(place.names()) == ["archive", "m.parquet"]


def test_what_is_no_manifest_is_refused(place: Location) -> None:
    with pytest.raises(ArchiveError, match="nothing is there"):
        open_manifest(place / "none.parquet")
    (place / "text.parquet").write_bytes(b"path,study_id\n")
    with pytest.raises(ArchiveError, match="not a Parquet file"):
        open_manifest(place / "text.parquet")
    with (place / "other.parquet").writing() as file:
        pq.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(ArchiveError, match="not a manifest of this software"):
        open_manifest(place / "other.parquet")


def _sort_two_million(folder: Path) -> int:
    """Peak memory in MB of making a manifest of 2,000,000 listed objects."""

    def entries(_: Location) -> Iterator[Entry]:
        for number in range(2_000_000):
            # an order that is far from the sorted one
            name = f"{(number * 7919) % 2_000_000:012d}"
            yield Entry(f"archive/{name[:7]}/1.2.840.113619.{name}.dcm", number, f"{number:032x}")

    class Many(manifest_module.Listing):
        __iter__ = entries

    manifest_module.Listing = Many
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    summary = write_manifest(Location.parse(folder), Location.parse(folder / "m.parquet"))
    assert (summary.videos, summary.studies) == (2_000_000, 20)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


@pytest.mark.slow
def test_two_million_objects_are_sorted_in_bounded_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import time

    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        peak = pool.apply(_sort_two_million, (tmp_path,))
    with capsys.disabled():
        seconds = time.perf_counter() - started
        print(f"\nmanifest of 2,000,000 objects: {seconds:.0f} s, {peak} MB above the start")  # noqa: T201  # figure
    assert peak < 1500
