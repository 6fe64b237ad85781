"""Zip and tar files of an archive: their members are listed and read as if they lay in a folder."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echoprime.archive import Listing, open_manifest, packed_index, write_manifest
from echoprime.errors import Reason, VideoError
from echoprime.storage import Location, objects, read_beginning, read_object, without_version
from tests.echoprime.archive.archives import dicom, fill, read_all
from tests.echoprime.archive.packed import tarred, zipped

MEMBERS = {
    "IM0001": os.urandom(100_000),
    "b/IM0002": b"x" * 300_000,
    "b/empty.dcm": b"",
    "report.pdf": b"1",
    "DICOMDIR": b"1",
    "__MACOSX/._IM0001": b"1",
    "inner.zip": b"1",
}
VIDEOS = {name: MEMBERS[name] for name in ("IM0001", "b/IM0002", "b/empty.dcm")}
PACKERS = {
    "s.zip": zipped,
    "S.ZIP": lambda members: zipped(members, stored=True),
    "s.tar": tarred,
    "s.tgz": lambda members: tarred(members, packed="gz"),
    "s.tar.gz": lambda members: tarred(members, packed="gz"),
}


MANY = zipped({f"IM{n}": b"1" for n in range(4)})
NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for read in (objects.read_object, objects.read_range, objects.read_beginning):
        monkeypatch.setattr(read.retry, "sleep", lambda _: None)


def reason_of(place: Location, entry) -> Reason:
    with pytest.raises(VideoError) as caught:
        read_object(place, entry.path, size=entry.size, token=entry.token)
    assert entry.path.split("/")[-1] not in str(caught.value) or entry.path.endswith("!/")
    return caught.value.reason


def test_members_are_listed_and_read(place: Location) -> None:
    files = {f"a/{name}": pack(MEMBERS) for name, pack in PACKERS.items()}
    found = Listing(fill(place, {**files, "a/x.dcm": b"1", "Z.dcm": b"1"}))
    entries = sorted(found, key=lambda entry: entry.path)
    members = {f"a/{name}!/{member}": data for name in PACKERS for member, data in VIDEOS.items()}
    assert {entry.path: entry.size for entry in entries} == {
        "Z.dcm": 1,
        "a/x.dcm": 1,
        **{path: len(data) for path, data in members.items()},
    }
    each = {".pdf": 1, "DICOMDIR": 1, "hidden": 1, packed_index.NESTED: 1}
    assert found.left_out == {cause: len(PACKERS) for cause in each}
    assert (found.packed, found.damaged) == (len(PACKERS), 0)
    for entry in entries:
        if entry.path not in members:
            continue
        data = members[entry.path]
        assert read_object(place, entry.path, size=entry.size, token=entry.token) == data
        for count in (1, 65_536):
            first = read_beginning(place, entry.path, size=entry.size, token=entry.token, count=count)
            assert first == data[:count]
        # a copy of the archive elsewhere has other times, the same places
        copied = without_version(entry.token)
        assert read_object(place, entry.path, size=entry.size, token=copied) == data
    assert sorted(found, key=lambda entry: entry.path) == entries
    for name, pack in PACKERS.items():
        (place / f"a/{name}").write_bytes(pack(MEMBERS | {"IM0001": b"2" * 100_000}))
    assert {reason_of(place, entry) for entry in entries if entry.path in members} == {Reason.CHANGED}
    for name in PACKERS:
        (place / f"a/{name}").remove()
    assert {reason_of(place, entry) for entry in entries if entry.path in members} == {Reason.MISSING}


def test_members_come_where_their_file_stands(tmp_path: Path) -> None:
    files = {"a/1.dcm": b"1", "a/s.zip": zipped(VIDEOS), "a/t.dcm": b"1", "b.tar": tarred({"IM1": b"1"})}
    paths = [entry.path for entry in Listing(fill(Location.parse(tmp_path), files))]
    assert paths == ["a/1.dcm", *(f"a/s.zip!/{name}" for name in VIDEOS), "a/t.dcm", "b.tar!/IM1"]


def test_one_member_is_read_without_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from echoprime.storage import packed_reading

    members = {f"IM{n}": os.urandom(1_000_000) for n in range(8)}
    asked = []
    original = packed_reading.fetch_range

    def fetch_range(root, path, begin, end, token):
        asked.append(end - begin)
        return original(root, path, begin, end, token)

    place = fill(Location.parse(tmp_path), {"s.zip": zipped(members), "t.tar": tarred(members)})
    entries = [entry for entry in Listing(place) if entry.path.endswith("IM5")]
    monkeypatch.setattr(packed_reading, "fetch_range", fetch_range)
    for entry in entries:
        asked.clear()
        assert read_object(place, entry.path, size=entry.size, token=entry.token) == members["IM5"]
        assert sum(asked) < 1_010_000


def test_members_inside_gzip_are_inflated_once_in_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from echoprime.storage import gzip_stream

    members = {f"IM{n:02d}": os.urandom(500_000) for n in range(12)}
    place = fill(Location.parse(tmp_path), {"s.tgz": tarred(members, packed="gz")})
    entries = list(Listing(place))
    monkeypatch.setattr(gzip_stream, "PIECE", 100_000)
    passed = []
    original = gzip_stream.GzipStream._passed
    monkeypatch.setattr(
        gzip_stream.GzipStream, "_passed", lambda self, count: (passed.append(count), original(self, count))
    )
    for entry, data in zip(entries, members.values(), strict=True):
        assert read_object(place, entry.path, size=entry.size, token=entry.token) == data
    # once: the listing's own pass had gone to the end, so that the first one began again
    assert sum(passed) < 1.05 * 12 * 500_000


@given(
    st.dictionaries(NAMES, st.binary(max_size=50), max_size=8),
    st.sampled_from(sorted(PACKERS)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_names(tmp_path: Path, members: dict[str, bytes], name: str) -> None:
    """Whatever members are called: no crash, none lost uncounted, paths that stay below their file."""
    try:
        data = PACKERS[name](members)
    except (UnicodeEncodeError, ValueError):
        return
    for old in tmp_path.iterdir():
        old.unlink()
    place = fill(Location.parse(tmp_path), {name: data})
    found = Listing(place)
    entries = list(found)
    folders = sum(member.endswith("/") for member in members)
    assert len(entries) + found.left_out.total() >= len(members) - folders
    assert len({entry.path for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.path.startswith(f"{name}!/")
        assert ".." not in entry.path[len(name) + 2 :].split("/")
        assert read_object(place, entry.path, size=entry.size, token=entry.token) in members.values()


def test_hostile_names_stay_inside(tmp_path: Path) -> None:
    names = {
        "../../../etc/passwd": b"1",
        "/absolute/IM1": b"2",
        "C:\\pa\\IM2": b"3",
        "..": b"4",
        "a/./b": b"5",
    }
    place = fill(
        Location.parse(tmp_path), {"s.zip": zipped(names), "t.tar": tarred(names, links={"l": "/etc"})}
    )
    found = Listing(place)
    listed = ["C:/pa/IM2", "a/b", "absolute/IM1", "etc/passwd"]
    assert [entry.path for entry in found] == [
        *(f"s.zip!/{n}" for n in listed),
        *(f"t.tar!/{n}" for n in listed),
    ]
    assert found.left_out == {packed_index.NO_NAME: 2, packed_index.NO_FILE: 1}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for data in (b"first", b"second"):
            file.writestr("IM1", data)
        file.writestr("./IM1", b"third")
    place = fill(Location.parse(tmp_path), {"s.zip": target.getvalue()})
    found = Listing(place)
    (entry,) = found
    assert read_object(place, entry.path, size=entry.size, token=entry.token) == b"third"
    assert found.left_out == {packed_index.AGAIN: 2}


def test_folders_named_like_packed_files_do_not_mix_with_them(tmp_path: Path) -> None:
    files = {"s.zip!/IM1": b"1", "s.zip": zipped({"IM1": b"2"}), "t.tar/IM1": b"3"}
    found = Listing(fill(Location.parse(tmp_path), files))
    assert [(entry.path, entry.size) for entry in found] == [("s.zip!/IM1", 1), ("t.tar/IM1", 1)]
    assert found.left_out == {"name like a zip or tar file's member": 1}


def whole(place: Location, name: str) -> tuple[list[str], Reason]:
    """Members before the damage, and what the entry for the file itself ends as."""
    found = Listing(place)
    entries = list(found)
    assert (found.packed, found.damaged) == (1, 1)
    assert entries[-1].path == f"{name}!/"
    return [entry.path for entry in entries[:-1]], reason_of(place, entries[-1])


@pytest.mark.parametrize("name", ["s.zip", "s.tar", "s.tgz"])
@pytest.mark.parametrize("damage", ["empty", "noise", "cut", "half"])
def test_damaged_files_are_one_failed_video(tmp_path: Path, name: str, damage: str) -> None:
    good = PACKERS[name]({f"IM{n}": os.urandom(30_000) for n in range(4)})
    cut, half = good[: len(good) - 20_000], good[: len(good) // 2]
    data = {"empty": b"", "noise": os.urandom(5000), "cut": cut, "half": half}[damage]
    before, reason = whole(fill(Location.parse(tmp_path), {name: data}), name)
    assert reason is Reason.NOT_DECODABLE
    expected = {"cut": 3, "half": 2}.get(damage, 0) if name != "s.zip" else 0
    assert len(before) in (expected, expected + (name == "s.tgz"))


def test_a_tar_file_with_a_broken_header_in_its_middle(tmp_path: Path) -> None:
    data = bytearray(tarred({"IM1": b"1", "IM2": b"2", "IM3": b"3"}))
    data[1024 + 100] ^= 0xFF
    before, reason = whole(fill(Location.parse(tmp_path), {"s.tar": bytes(data)}), "s.tar")
    assert (before, reason) == (["s.tar!/IM1"], Reason.NOT_DECODABLE)


def test_a_tar_file_whose_sizes_lead_back(tmp_path: Path) -> None:
    """tarfile of Python before 3.11.14 goes in circles."""
    header = tarfile.TarInfo("IM1")
    data = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    data[124:136] = b"\xff" * 10 + struct.pack(">h", -512)
    data[148:156] = b" " * 8
    data[148:156] = f"{sum(data):06o}\0 ".encode()
    _, reason = whole(fill(Location.parse(tmp_path), {"s.tar": bytes(data) + bytes(1024)}), "s.tar")
    assert reason is Reason.NOT_DECODABLE


def test_headers_that_ask_for_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    data = header.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    _, reason = whole(fill(Location.parse(tmp_path), {"s.tar": data}), "s.tar")
    assert reason is Reason.NOT_DECODABLE
    ended = bytearray(zipped({"IM1": b"1"}))
    at = ended.rindex(b"PK\x05\x06")
    (tmp_path / "s.tar").unlink()
    many = ended[:at] + bytes(40_000_000) + ended[at:]
    many[-10:-6] = struct.pack("<I", 40_000_000)
    _, reason = whole(fill(Location.parse(tmp_path), {"s.zip": bytes(many)}), "s.zip")
    assert reason is Reason.TOO_LARGE


@pytest.mark.parametrize("name", ["s.zip", "s.tar", "s.tgz"])
def test_too_many_members(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_index, "MOST_MEMBERS", 3)
    data = PACKERS[name]({f"IM{n}": b"1" for n in range(4)})
    before, reason = whole(fill(Location.parse(tmp_path), {name: data}), name)
    assert (before, reason) == ([], Reason.TOO_LARGE)


def test_a_directory_of_too_many_members_makes_no_object_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_index, "MOST_MEMBERS", 3)
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("made"))
    place = fill(Location.parse(tmp_path), {"s.zip": MANY})
    _, reason = whole(place, "s.zip")
    assert reason is Reason.TOO_LARGE


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    """What would grow too much is refused by its sizes; what says too small a size is inflated no further."""
    zeros = zipped({"IM1": bytes(70_000_000)})
    liar = bytearray(zeros)
    at = liar.rindex(b"PK\x01\x02")
    liar[at + 24 : at + 28] = struct.pack("<I", 1000)
    files = {"a.zip": zeros, "b.zip": bytes(liar), "c.tgz": PACKERS["s.tgz"]({"IM1": bytes(70_000_000)})}
    place = fill(Location.parse(tmp_path), files)
    a, b, c, of_c = Listing(place)
    assert reason_of(place, a) is Reason.TOO_LARGE
    assert reason_of(place, b) is Reason.NOT_DECODABLE
    assert reason_of(place, c) is reason_of(place, of_c) is Reason.TOO_LARGE


def test_members_over_one_another_are_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({f"IM{n}": os.urandom(5000) for n in range(3)}))
    first = data.index(b"PK\x01\x02")
    at = first
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        data[at + 42 : at + 46] = bytes(4)
        data[at + 20 : at + 24] = struct.pack("<I", 9000)
        at += 1
    _, reason = whole(fill(Location.parse(tmp_path), {"s.zip": bytes(data)}), "s.zip")
    assert reason is Reason.NOT_DECODABLE


def test_damaged_and_encrypted_members_fail_alone(tmp_path: Path) -> None:
    members = {f"IM{n}": os.urandom(5000) for n in range(3)}
    data = bytearray(zipped(members, stored=True))
    data[data.index(members["IM1"]) + 100] ^= 1  # one bit of its content
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1  # the first one's flag: encrypted
    place = fill(Location.parse(tmp_path), {"s.zip": bytes(data)})
    encrypted, damaged, good = Listing(place)
    assert reason_of(place, encrypted) is Reason.UNSUPPORTED
    assert reason_of(place, damaged) is Reason.NOT_DECODABLE
    assert read_object(place, good.path, size=good.size, token=good.token) == members["IM2"]


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_any_damage(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed anywhere: an entry each, bytes or a reason, never a crash."""
    name = data.draw(st.sampled_from(["s.zip", "s.tar", "s.tgz"]))
    content = bytearray(PACKERS[name]({"IM1": b"abc" * 50, "b/IM2": bytes(600)}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    place = fill(Location.parse(tmp_path), {name: bytes(content)})
    for entry in Listing(place):
        try:
            assert len(read_object(place, entry.path, size=entry.size, token=entry.token)) == entry.size
        except VideoError as error:
            assert error.reason in (Reason.NOT_DECODABLE, Reason.TOO_LARGE, Reason.UNSUPPORTED)  # noqa: PT017


def test_studies_of_packed_files(place: Location) -> None:
    """By folder and by header; the structure of a CD, and a DICOMDIR that is no video."""
    cd = {
        "DICOMDIR": b"1",
        "DICOM/PA000000/ST000000/SE000000/IM000000": dicom("1.2.3", PatientID="P1"),
        "DICOM/PA000000/ST000000/SE000001/IM000000": dicom("1.2.3", PatientID="P1", private=100_000),
        "DICOM/PA000000/ST000001/SE000000/IM000000": dicom("1.2.4"),
    }
    files = {f"cd/{name}": data for name, data in cd.items()}
    files |= {"x/flat.zip": zipped({"IM1": dicom("1.2.5"), "IM2": dicom("1.2.5")}), "x/cd.zip": zipped(cd)}
    files |= {"x/cd.tgz": tarred(cd, packed="gz")}
    archive = fill(place / "archive", files)
    summary = write_manifest(archive, place / "m.parquet")
    assert summary.notes == {"zip and tar files, whose members are listed": 3}
    assert summary.left_out == {"DICOMDIR": 3}
    studies = {row["study_id"] for row in read_all(open_manifest(place / "m.parquet"))}
    assert studies == {
        "x/flat.zip",
        *(f"{f}/DICOM/PA000000/ST00000{n}" for f in ("cd", "x/cd.zip!", "x/cd.tgz!") for n in (0, 1)),
    }
    write_manifest(archive, place / "m.parquet", study_from="dicom")
    rows = read_all(open_manifest(place / "m.parquet"))
    assert [row["study_id"] for row in rows].count("1.2.3") == 6
    assert {row["study_id"] for row in rows} == {"1.2.3", "1.2.4", "1.2.5"}
    assert {row["patient_id"] for row in rows if row["study_id"] == "1.2.3"} == {"P1"}


def test_a_file_that_may_not_be_read_is_one_transient_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run may find it open: the study is incomplete until then."""
    from echoprime.errors import ReadError

    place = fill(Location.parse(tmp_path), {"a.zip": zipped(VIDEOS), "b.tgz": PACKERS["s.tgz"](VIDEOS)})

    def refused(*_: object) -> bytes:
        raise ReadError(Reason.READ_ERROR, "the file system refused: Permission denied")

    monkeypatch.setattr(packed_index, "read_range", refused)
    found = Listing(place)
    entries = list(found)
    assert (found.packed, found.damaged) == (2, 1)
    assert entries[0].path == "a.zip!/"
    assert reason_of(place, entries[0]) is Reason.READ_ERROR
    assert [entry.path for entry in entries[1:]] == [f"b.tgz!/{name}" for name in VIDEOS]


def test_a_short_body_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from echoprime.errors import ReadError
    from echoprime.storage import packed_reading

    original, asked = packed_reading.fetch_range, []

    def fetch_range(*words):
        asked.append(words)
        if len(asked) % 3 == 1:
            raise ReadError(Reason.SHORT_READ, "0 of 1 bytes arrived")
        return original(*words)

    monkeypatch.setattr(packed_reading, "fetch_range", fetch_range)
    # the waiting of what the index makes for itself
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    place = fill(Location.parse(tmp_path), {"s.tgz": PACKERS["s.tgz"](VIDEOS)})
    entries = list(Listing(place))
    assert [entry.path for entry in entries] == [f"s.tgz!/{name}" for name in VIDEOS]
    for entry in entries:
        data = read_object(place, entry.path, size=entry.size, token=entry.token)
        assert data == VIDEOS[entry.path.partition("!/")[2]]
    assert len(asked) > 6
