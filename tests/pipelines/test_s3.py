"""The whole of `run` on a real S3 server: archive, bundle and tables in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from pipelines.ray_session import ClusterSize
from pipelines.run import run
from pipelines.settings import RunAllSettings
from tests.rows import rows
from tests.s3_server import S3Server

pytestmark = [pytest.mark.ray, pytest.mark.s3]


def upload(folder: Path, place: Location) -> Location:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        (place / path.relative_to(folder).as_posix()).write_bytes(path.read_bytes())
    return place


def test_a_bucket_gives_the_same_rows_as_a_folder(
    s3_server: S3Server,
    s3_location: Location,
    archive: Path,
    bundle: Bundle,
    encoded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cluster: ClusterSize,
) -> None:
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "cache"))
    settings = RunAllSettings(
        archive=str(upload(archive, s3_location / "archive")),
        bundle=str(upload(bundle.location.local_path, s3_location / "bundle")),
        output=str(s3_location / "out"),
        progress=False,
    )
    assert run(settings) == 0
    # Keys differ, because a bucket's tokens are ETags and a folder's are times.
    there, here = (
        [
            {
                **{name: row[name] for name in ("study_id", "status", "embeddings", "view_probabilities")},
                "videos": [{**video, "token": ""} for video in row["videos"]],
            }
            for row in rows(table)
        ]
        for table in (s3_location / "out" / "encodings", encoded / "encodings")
    )
    assert there == here
    assert len(rows(s3_location / "out" / "interpretations" / "default")) == 6
    assert run(settings) == 0
    assert len((s3_location / "out" / "runs").names()) == 2
