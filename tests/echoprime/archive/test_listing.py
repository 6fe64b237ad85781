"""Listings: what may be a video, in one order, without losing count of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.archive import Entry, Listing, listing
from echoprime.archive.endings import VIDEO_ENDINGS, left_out_as
from echoprime.errors import ArchiveError
from echoprime.storage import Location, s3_listing
from tests.echoprime.archive.archives import fill

FILES = {
    "b/1.2.840.113": b"12",
    "b-2/x.dcm": b"1",
    "b.d/x.DCM": b"123",
    "a/IM0001": b"",
    "a/loop.avi": b"1",
    "a/loop (copy).dcm_1": b"1",
    "Z.mp4": b"1",
    "é/x.ima": b"1",
    "a/report.pdf": b"1",
    "a/REPORT.PDF": b"1",
    "index.json": b"1",
    "DICOMDIR": b"1",
    ".hidden.dcm": b"1",
    "b/.x/y.dcm": b"1",
}
LISTED = [
    ("Z.mp4", 1),
    ("a/IM0001", 0),
    ("a/loop (copy).dcm_1", 1),
    ("a/loop.avi", 1),
    ("b-2/x.dcm", 1),
    ("b.d/x.DCM", 3),
    ("b/1.2.840.113", 2),
    ("é/x.ima", 1),
]
LEFT_OUT = {".pdf": 2, ".json": 1, "DICOMDIR": 1, "hidden": 2}


def test_folder_and_bucket_list_the_same(place: Location) -> None:
    found = Listing(fill(place, FILES))
    entries = list(found)
    assert sorted((entry.path, entry.size) for entry in entries) == LISTED
    assert found.left_out == LEFT_OUT
    assert all(entry.token for entry in entries)
    assert list(found) == entries
    assert found.left_out == LEFT_OUT


def test_a_folders_order_is_that_of_the_paths_bytes(tmp_path: Path) -> None:
    paths = [entry.path for entry in Listing(fill(Location.parse(tmp_path), FILES))]
    assert paths == [path for path, _ in LISTED] == sorted(paths, key=str.encode)


def test_tokens_tell_contents_apart(place: Location) -> None:
    (place / "x.dcm").write_bytes(b"1")
    (first,) = Listing(place)
    (place / "x.dcm").write_bytes(b"2")
    (second,) = Listing(place)
    assert first.token != second.token
    assert (first.path, first.size) == (second.path, second.size)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    fill(Location.parse(tmp_path / "archive"), {"a/x.dcm": b"1", "b/y.dcm": b"1"})
    fill(Location.parse(tmp_path / "elsewhere"), {"z.dcm": b"1"})
    (tmp_path / "archive/a/up").symlink_to(tmp_path / "archive")
    (tmp_path / "archive/c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "archive/d.dcm").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "archive/pipe")
    (tmp_path / "archive/e").symlink_to(tmp_path / "archive/a")
    (tmp_path / "archive/f.dcm").symlink_to(tmp_path / "elsewhere/z.dcm")
    others = {"link into itself": 2, "broken link": 1, "not a file": 1}
    found = Listing(Location.parse(tmp_path / "archive"))
    inside = ["a/x.dcm", "b/y.dcm", "e/x.dcm"]
    assert [entry.path for entry in found] == inside
    assert found.left_out == {**others, listing.LINK_OUT: 2}
    found = Listing(Location.parse(tmp_path / "archive"), follow_links=True)
    assert [entry.path for entry in found] == sorted([*inside, "c/z.dcm", "f.dcm"])
    assert found.left_out == others


def test_an_archive_may_be_a_link_itself(tmp_path: Path) -> None:
    fill(Location.parse(tmp_path / "archive"), {"a/x.dcm": b"1"})
    (tmp_path / "link").symlink_to(tmp_path / "archive")
    (tmp_path / "archive/up.dcm").symlink_to(tmp_path / "archive-2")
    (tmp_path / "archive-2").write_bytes(b"beside it, with a name that begins alike")
    found = Listing(Location.parse(tmp_path / "link"))
    assert [entry.path for entry in found] == ["a/x.dcm"]
    assert found.left_out == {listing.LINK_OUT: 1}


def test_names_that_are_not_utf8_are_counted(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"1")
    (tmp_path / os.fsdecode(b"\xff.dcm")).write_bytes(b"1")
    found = Listing(Location.parse(tmp_path))
    assert [entry.path for entry in found] == ["x.dcm"]
    assert found.left_out == {"name not in UTF-8": 1}


def test_a_folder_is_not_read_before_it_is_reached(tmp_path: Path) -> None:
    """A stream: what is changed behind the reader's back is seen."""
    fill(Location.parse(tmp_path), {"a/x.dcm": b"1", "b/y.dcm": b"1"})
    stream = iter(Listing(Location.parse(tmp_path)))
    assert next(stream).path == "a/x.dcm"
    (tmp_path / "b/z.dcm").write_bytes(b"1")
    assert [entry.path for entry in stream] == ["b/y.dcm", "b/z.dcm"]


@pytest.mark.s3
def test_buckets_are_listed_page_by_page(s3_location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(s3_location / "flat", {f"{n:03d}.dcm": b"" for n in range(25)})
    fill(s3_location / "deep", FILES)
    s3_location.filesystem.pipe_file(f"{s3_location.path}/flat/folder/", b"")
    original, pages = s3_listing.ask_store, []

    def ask_store(ask, wanted):
        if wanted.get("MaxKeys") == 3:  # not the question whether anything is there
            pages.append(wanted)
        return original(ask, wanted)

    monkeypatch.setattr(s3_listing, "ask_store", ask_store)
    monkeypatch.setattr(s3_listing, "PAGE", 3)
    found = Listing(s3_location / "flat")
    assert [entry.path for entry in found] == [f"{n:03d}.dcm" for n in range(25)]
    assert len(pages) == 2 * 9  # twice over plain HTTP
    assert not found.left_out
    assert sorted(entry.path for entry in Listing(s3_location / "deep")) == [path for path, _ in LISTED]


@pytest.mark.s3
def test_neighbouring_prefixes_are_not_listed(s3_location: Location) -> None:
    fill(s3_location, {"a/x.dcm": b"", "ab/y.dcm": b""})
    assert [entry.path for entry in Listing(s3_location / "a")] == ["x.dcm"]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="nothing is there; correct the path"):
        next(iter(Listing(Location.parse(tmp_path / "none"))))
    (tmp_path / "x.dcm").write_bytes(b"")
    with pytest.raises(ArchiveError, match="is a file; give the folder"):
        next(iter(Listing(Location.parse(tmp_path / "x.dcm"))))


def test_a_closed_folder_ends_the_listing_without_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(Location.parse(tmp_path), {"Jane Doe/x.dcm": b""})
    original = os.scandir

    def scandir(folder: str):
        if "Jane" in folder:
            raise PermissionError(13, "Permission denied", folder)
        return original(folder)

    monkeypatch.setattr(listing.os, "scandir", scandir)
    with pytest.raises(ArchiveError, match="Permission denied") as caught:
        list(Listing(Location.parse(tmp_path)))
    assert "Jane" not in str(caught.value)


@given(st.sampled_from(sorted(VIDEO_ENDINGS)), st.booleans(), st.text("ab1._-", max_size=8))
def test_video_endings_are_listed_in_any_case(ending: str, upper: bool, stem: str) -> None:
    name = f"x{stem.replace('..', '.')}{ending.upper() if upper else ending}"
    assert left_out_as(f"folder/{name}") is None


@given(st.lists(st.integers(0, 99999), min_size=2, max_size=8))
def test_uids_have_no_ending(parts: list[int]) -> None:
    assert left_out_as(".".join(map(str, [1, *parts]))) is None


def test_entries_are_plain_values() -> None:
    assert Entry("a", 1, "t") == Entry("a", 1, "t")
