"""The official release from a local web server: recorded, compared, unpacked, imported, or told why not."""

import json
import shutil
import zipfile

import pytest
import tenacity

from echoprime.errors import BundleError, SettingError
from echoprime.release import downloading, fetch_release, fetching, import_release, room
from echoprime.release.official import ARCHIVE, CANDIDATES, FILES
from echoprime.release.records import RECORD
from echoprime.release.unzipping import unzip_release
from echoprime.storage import Location
from echoprime.storage.folder_lock import locked_folder
from tests.echoprime.release.small import ROWS, SEPARATE, write_small_release, zip_release
from tests.echoprime.release.web import web


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(downloading, "WAIT", tenacity.wait_none())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_what_killed_fetches_left_half_copied_is_removed(published, tmp_path):
    side, _ = published
    left = [tmp_path / f".{ARCHIVE}.1.0123abcd", tmp_path / CANDIDATES / ".candidate_labels.pkl.7.0123abcd"]
    kept = tmp_path / f".{ARCHIVE}.part"  # a download goes on with it
    for path in (*left, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    fetch_release(tmp_path, mirror=str(side))
    assert not [path for path in left if path.exists()]
    assert kept.exists()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The eight files side by side, and the release that they were made of."""
    folder = tmp_path_factory.mktemp("published")
    release = write_small_release(folder / "release")
    side = folder / "files"
    side.mkdir()
    for each in FILES:
        if each.path == ARCHIVE:
            zip_release(release, side / ARCHIVE)
        else:
            shutil.copyfile(release / each.path, side / each.name)
    return side, release


def served(published, **options):
    return web(files={path.name: path.read_bytes() for path in published[0].iterdir()}, **options)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (RECORD, ARCHIVE)
    }


def test_what_comes_is_what_was_published(published, tmp_path):
    with served(published) as server:
        found = fetch_release(tmp_path / "release", mirror=server.address)
        assert (found.files, found.brought, found.first_seen) == (8, 8, 8)
        assert contents(tmp_path / "release") == contents(published[1])
        record = json.loads((tmp_path / "release" / RECORD).read_text())["files"]
        assert set(record) == {each.path for each in FILES}
        assert record[ARCHIVE]["size"] == (published[0] / ARCHIVE).stat().st_size
        server.asked.clear()
        again = fetch_release(tmp_path / "release", mirror=server.address)
    assert (again.brought, again.first_seen, again.size) == (0, 0, found.size)
    assert server.asked == []  # nothing is missing: no network
    assert import_release(tmp_path / "release", tmp_path / "bundle").candidates_rows == ROWS


@pytest.mark.parametrize("kind", ["side by side", "release folder", "url of a release folder"])
def test_a_mirror_is_a_folder_or_an_address(published, tmp_path, kind):
    side, release = published
    mirror = tmp_path / "mirror"
    if kind == "side by side":
        mirror = side
    else:
        shutil.copytree(release, mirror)
        shutil.copyfile(side / ARCHIVE, mirror / ARCHIVE)
    if kind.startswith("url"):
        files = {each.path: (mirror / each.path).read_bytes() for each in FILES}
        with web(files=files) as server:
            fetch_release(tmp_path / "release", mirror=f"{server.address}/")
    else:
        fetch_release(tmp_path / "release", mirror=str(mirror))
    assert contents(tmp_path / "release") == contents(release)


@pytest.mark.s3
def test_a_mirror_in_a_bucket(published, tmp_path, s3_location: Location):
    for path in published[0].iterdir():
        (s3_location / path.name).write_bytes(path.read_bytes())
    fetch_release(tmp_path / "release", mirror=str(s3_location))
    assert contents(tmp_path / "release") == contents(published[1])


def test_a_broken_fetch_is_gone_on_with(published, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "PIECE", 5_000)
    name = "candidate_embeddings_p1.pt"
    with served(published, breaks={name: [10**6, 20_000, *[0] * 10]}) as server:
        with pytest.raises(BundleError, match=f"{name}: the connection broke"):
            fetch_release(tmp_path / "release", mirror=server.address)
        server.breaks.clear()
        server.asked.clear()
        found = fetch_release(tmp_path / "release", mirror=server.address)
    assert found.brought == 2
    assert (name, "bytes=20000-") in server.asked
    assert contents(tmp_path / "release") == contents(published[1])


def test_what_was_recorded_is_compared_later(published, tmp_path):
    release = tmp_path / "release"
    with served(published) as server:
        fetch_release(release, mirror=server.address)
        data = server.files["all_phr.json"]
        (release / "assets" / "all_phr.json").write_bytes(data[:-1] + b" ")  # damaged here: brought again
        assert fetch_release(release, mirror=server.address).brought == 1
        (release / "assets" / "all_phr.json").unlink()
        server.files["all_phr.json"] = data.replace(b"Normal", b"normal")
        with pytest.raises(
            BundleError, match=r"all_phr.json: not the file that was recorded on 20.*remove fetched"
        ):
            fetch_release(release, mirror=server.address)
        assert not (release / "assets" / "all_phr.json").exists()
        server.files["all_phr.json"] = data + b"\n"
        with pytest.raises(BundleError, match=r"bytes, .* were recorded when it was first seen"):
            fetch_release(release, mirror=server.address)
        server.files["all_phr.json"] = data
        fetch_release(release, mirror=server.address)
    assert contents(release) == contents(published[1])


def test_files_laid_there_by_hand_are_recorded(published, tmp_path):
    (tmp_path / "release").mkdir()
    shutil.copyfile(published[0] / ARCHIVE, tmp_path / "release" / ARCHIVE)
    found = fetch_release(tmp_path / "release", mirror=str(published[0]))
    assert (found.brought, found.first_seen) == (7, 8)
    record = json.loads((tmp_path / "release" / RECORD).read_text())["files"]
    assert record[ARCHIVE]["source"] == "found in the folder"


def test_a_password_is_not_recorded(published, tmp_path):
    with served(published) as server:
        fetch_release(tmp_path / "release", mirror=server.address.replace("//", "//reader:secret@"))
    assert "secret" not in (tmp_path / "release" / RECORD).read_text()


@pytest.mark.parametrize(
    ("mirror", "error", "said"),
    [
        ("https://", SettingError, "--mirror: give https://host/path"),
        ("https://h/p?sig=secret", SettingError, "without anything after the path"),
        ("ftp://h/p", SettingError, "ftp:// is not supported"),
        ("/nowhere/at/all", BundleError, "nothing is there"),
    ],
)
def test_mirrors_that_are_none(tmp_path, mirror, error, said):
    with pytest.raises(error, match=said) as caught:
        fetch_release(tmp_path / "release", mirror=mirror)
    assert "secret" not in str(caught.value)


def test_a_file_that_the_mirror_lacks_is_named(published, tmp_path):
    with served(published) as server:
        del server.files["MIL_weights.csv"]
        with pytest.raises(BundleError, match=r"MIL_weights.csv: the server answers 404; check --mirror"):
            fetch_release(tmp_path / "release", mirror=server.address)
    (tmp_path / "mirror").mkdir()
    with pytest.raises(BundleError, match=r"MIL_weights.csv: not in the mirror"):
        fetch_release(tmp_path / "release", mirror=str(tmp_path / "mirror"))


def test_room_is_asked_for_before_anything_comes(published, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "SPARE", 1 << 60)
    said = r"GB are free there, the release \(.* GB\), unpacked and imported"
    with served(published) as server, pytest.raises(BundleError, match=said):
        fetch_release(tmp_path / "release", mirror=server.address)
    assert list((tmp_path / "release").iterdir()) == []


def test_two_fetches_into_one_folder(tmp_path):
    (tmp_path / "release").mkdir()
    with locked_folder(tmp_path / "release") as mine:
        assert mine
        with pytest.raises(BundleError, match="another fetch writes to it"):
            fetch_release(tmp_path / "release", mirror="/nowhere")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": 9, "files": {}}', '{"format": 1, "files": {"a": {}}}']
)
def test_a_damaged_record_is_told(tmp_path, content):
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(BundleError, match=r"fetched.json: (damaged; remove it|format 9)"):
        fetch_release(tmp_path, mirror="/nowhere")


def test_the_published_addresses():
    assert [each.url for each in FILES[-3:]] == [
        "https://github.com/echonet/EchoPrime/releases/download/v1.0.0/model_data.zip",
        "https://github.com/echonet/EchoPrime/releases/download/v1.0.0/candidate_embeddings_p1.pt",
        "https://github.com/echonet/EchoPrime/releases/download/v1.0.0/candidate_embeddings_p2.pt",
    ]
    assert len(FILES) == 8
    assert fetching.GROWN > 1


def test_a_zip_without_its_top_folder(published, tmp_path):
    zip_release(published[1], tmp_path / ARCHIVE, top="")
    count = unzip_release(tmp_path / ARCHIVE, tmp_path / "release", keep=SEPARATE)
    names = {
        path for path in contents(published[1]) if path.startswith("model_data") and path not in SEPARATE
    }
    assert set(contents(tmp_path / "release")) == names
    assert count == len(names)


def test_only_what_is_missing_or_damaged_is_unpacked_again(published, tmp_path):
    archive = zip_release(published[1], tmp_path / ARCHIVE)
    unzip_release(archive, tmp_path, keep=SEPARATE)
    labels, reports = (tmp_path / CANDIDATES / f"candidate_{name}.pkl" for name in ("labels", "reports"))
    good, stamp = labels.read_bytes(), reports.stat().st_mtime_ns
    labels.write_bytes(good[:-1] + b"!")
    unzip_release(archive, tmp_path, keep=SEPARATE)
    assert labels.read_bytes() == good
    assert reports.stat().st_mtime_ns == stamp


def hostile(target, name, data=b"x", *, mode=0o644, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(target, "w", compression) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = compression
        archive.writestr(info, data)
    return target


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("model_data/weights/../../../x.pt", {}, "leads out of the folder"),
        ("/model_data/weights/x.pt", {}, "leads out of the folder"),
        ("model_data/weights/..\\x.pt", {}, "leads out of the folder"),
        ("model_data/weights/x.pt", {"mode": 0o120777}, "x.pt is a link or encrypted"),
        ("notes/readme.txt", {}, "no weights or candidates_data in it"),
        (
            "model_data/weights/x.pt",
            {"data": bytes(80 << 20), "compression": zipfile.ZIP_DEFLATED},
            "x.pt would grow more than 200 times",
        ),
    ],
)
def test_hostile_zips_are_refused(tmp_path, name, options, said):
    archive = hostile(tmp_path / ARCHIVE, name, **options)
    with pytest.raises(BundleError, match=said) as caught:
        unzip_release(archive, tmp_path / "release")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_a_member_that_stands_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / ARCHIVE, "w") as archive:
        archive.writestr("model_data/weights/x.pt", b"a")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("model_data/weights/x.pt", b"b")
    with pytest.raises(BundleError, match="stands in it twice"):
        unzip_release(tmp_path / ARCHIVE, tmp_path / "release")


@pytest.mark.parametrize("damage", ["cut", "flipped", "none"])
def test_damaged_zips_leave_nothing_half(tmp_path, damage):
    archive = hostile(tmp_path / ARCHIVE, "model_data/weights/x.pt", bytes(range(256)) * 100)
    data = bytearray(archive.read_bytes())
    if damage == "flipped":
        data[10_000] ^= 1
    archive.write_bytes(
        data[: len(data) // 2] if damage == "cut" else b"no zip" if damage == "none" else data
    )
    with pytest.raises(
        BundleError, match=r"model_data.zip: no zip file, or a damaged one .*remove it and fetch"
    ):
        unzip_release(archive, tmp_path / "release")
    assert not list((tmp_path / "release").rglob("*.pt"))
