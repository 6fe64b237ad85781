"""Locations: what users write, and the same behaviour on a folder and in a bucket."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.errors import ArchiveError, SettingError, UserError
from echoprime.storage import Location, free_bytes


def test_relative_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Location.parse("a/../b").uri == str(tmp_path / "b")
    assert Location.parse(Path("c")).local_path == tmp_path / "c"
    assert Location.parse("file:///x/y").uri == "/x/y"
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Location.parse("~/out").uri == "/home/somebody/out"


def test_bucket_parts() -> None:
    location = Location.parse("s3://bucket/a/b//")
    assert (location.bucket, location.key, location.name, location.path) == (
        "bucket",
        "a/b",
        "b",
        "bucket/a/b",
    )
    assert (location / "c/d").uri == "s3://bucket/a/b/c/d"
    assert not location.is_local
    assert Location.parse("s3://bucket").key == ""
    assert pickle.loads(pickle.dumps(location)) == location
    with pytest.raises(SettingError, match="local folder"):
        _ = location.local_path


@pytest.mark.parametrize("text", ["", "  ", "s3://", "gs://bucket/x", "http://host/x"])
def test_what_is_no_location_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="s3://bucket/prefix"):
        Location.parse(text)


def test_bytes_there_and_back(place: Location) -> None:
    target = place / "deep/er/é 100% #1.bin"
    assert not target.exists()
    assert place.names() == []
    target.write_bytes(b"one")
    target.write_bytes(b"two")
    assert target.read_bytes() == b"two"
    assert target.exists()
    assert (place / "deep").is_dir()
    assert not target.is_dir()
    (place / "deep/z").write_bytes(b"")
    assert (place / "deep").names() == ["er", "z"]
    assert (place / "deep/er").names() == [target.name]
    with target.open("rb") as file:
        assert file.read(2) == b"tw"
    target.remove()
    target.remove()
    assert not target.exists()


def test_put_file_replaces_whole_files(place: Location, tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        source = tmp_path / "source"
        source.write_bytes(content)
        (place / "target").put_file(source)
        assert (place / "target").read_bytes() == content
    assert place.names() == ["target"]


def test_a_failed_write_leaves_the_old_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Location.parse(tmp_path / "run.json")
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        target.write_bytes(b"new")
    assert target.read_bytes() == b"old"
    assert Location.parse(tmp_path).names() == ["run.json"]


def test_arrow_reads_through_the_same_file_system(place: Location) -> None:
    table = pa.table({"a": list(range(1000))})
    with (place / "t.parquet").writing() as file:
        pq.write_table(table, file, row_group_size=100)
    with pq.ParquetFile((place / "t.parquet").path, filesystem=place.arrow_filesystem) as read:
        assert read.read_row_group(3)["a"].to_pylist() == list(range(300, 400))


@pytest.mark.parametrize("megabytes", [1, 60])  # in one request, and in parts
def test_what_fails_while_it_is_written_leaves_what_was_there(place: Location, megabytes: int) -> None:
    target = place / "rows.parquet"
    target.write_bytes(b"old")
    rows = pa.table({"a": [os.urandom(1 << 20)]})

    def fail() -> None:
        # Parquet's end is written all the same, so that a part would look whole
        with target.writing() as file, pq.ParquetWriter(file, rows.schema) as writer:
            for _ in range(megabytes):
                writer.write_table(rows)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert target.read_bytes() == b"old"
    assert place.names() == ["rows.parquet"]
    with target.writing() as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


def test_free_bytes_of_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    found = free_bytes(Location.parse(tmp_path / "not/yet"))
    assert found is not None
    assert found > 0
    assert free_bytes(Location.parse("s3://bucket/x")) is None


def test_missing_folder_in_one_line(tmp_path: Path) -> None:
    location = Location.parse(tmp_path / "nothing")
    location.require_reachable("output")
    with pytest.raises(ArchiveError, match=r"^archive .*: nothing is there; correct the path$"):
        location.require_reachable("archive", ArchiveError, must_exist=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is not a folder"):
        Location.parse(tmp_path / "file/below").require_reachable("output")


@pytest.mark.s3
def test_missing_bucket_and_wrong_keys_in_one_line(
    s3_location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_location.require_reachable("archive")
    with pytest.raises(ArchiveError, match="has no bucket 'no-such-bucket-here'"):
        Location.parse("s3://no-such-bucket-here/x").require_reachable("archive", ArchiveError)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ArchiveError, match="refuses the keys"):
        s3_location.require_reachable("archive", ArchiveError)
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ArchiveError, match="ProfileNotFound") as caught:
        s3_location.require_reachable("archive", ArchiveError)
    assert "\n" not in str(caught.value)


def test_unreachable_endpoint_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(UserError, match=r"http://127.0.0.1:1 cannot be reached; check AWS_ENDPOINT_URL"):
        Location.parse("s3://bucket/x").require_reachable("archive")


@pytest.mark.s3
def test_a_profile_of_the_users_is_used(
    s3_location: Location, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keys, endpoint and region from ~/.aws alone, for s3fs and for deltalake."""
    (s3_location / "a").write_bytes(b"a")
    server = {
        name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
    }
    for name in [*server, "AWS_REGION", "AWS_DEFAULT_REGION"]:
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(
        f"[profile lab]\nendpoint_url = {server['AWS_ENDPOINT_URL']}\nregion = eu-central-1\n"
    )
    (tmp_path / "credentials").write_text(
        f"[lab]\naws_access_key_id = {server['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {server['AWS_SECRET_ACCESS_KEY']}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert (s3_location / "a").read_bytes() == b"a"
    options = s3_location.delta_options
    assert options["AWS_ENDPOINT_URL"] == server["AWS_ENDPOINT_URL"]
    assert options["AWS_ACCESS_KEY_ID"] == server["AWS_ACCESS_KEY_ID"]
    assert options["AWS_ALLOW_HTTP"] == "true"
    assert options["AWS_REGION"] == "eu-central-1"


def test_public_buckets_are_asked_without_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    location = Location.parse("s3://bucket/x")
    assert "AWS_SKIP_SIGNATURE" not in location.delta_options
    signed = location.filesystem
    assert location.filesystem is signed
    monkeypatch.setenv("ECHOPRIME_S3_ANONYMOUS", "1")
    assert location.delta_options["AWS_SKIP_SIGNATURE"] == "true"
    assert location.filesystem is not signed
    assert location.filesystem.anon
    assert Location.parse("/x").delta_options == {}


def _read(location: Location) -> bytes:
    return location.read_bytes()


@pytest.mark.s3
def test_many_threads_and_spawned_processes_read_at_once(s3_location: Location) -> None:
    places = [s3_location / str(number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: place.write_bytes(place.name.encode()), places))
        assert [int(content) for content in pool.map(_read, places)] == list(range(40))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        assert [int(content) for content in processes.map(_read, places[:6])] == list(range(6))
