"""Fixtures that every package's tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from echoprime.storage import Location
from tests.dicomweb_archive import write_dicomweb_archive
from tests.dicomweb_server import DicomwebServer
from tests.dicomweb_server import running as running_dicomweb
from tests.s3_server import S3Server, running

# a loaded machine is no failure
settings.register_profile("echoprime", deadline=None)
settings.load_profile("echoprime")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server, started for the first test that asks, with the environment that points to it."""
    with running(tmp_path_factory.mktemp("s3-server")) as server, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def s3_location(s3_server: S3Server) -> Location:
    """A prefix in a bucket of its own."""
    return Location.parse(f"s3://{s3_server.make_bucket()}/pre fix")


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
def place(request: pytest.FixtureRequest) -> Location:
    """An empty place to write to: once a folder, once a bucket's prefix."""
    if request.param == "folder":
        return Location.parse(request.getfixturevalue("tmp_path") / "pla ce")
    found: Location = request.getfixturevalue("s3_location")
    return found


@pytest.fixture(scope="session")
def dicomweb_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `dicomweb_server` holds, as a folder. Not to be changed."""
    return write_dicomweb_archive(tmp_path_factory.mktemp("dicomweb") / "archive")


@pytest.fixture(scope="session")
def dicomweb_server(
    dicomweb_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DicomwebServer]:
    """A real DICOMweb server with an archive in it, and the environment that lets this software in."""
    with (
        running_dicomweb(tmp_path_factory.mktemp("dicomweb-server")) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        for file in sorted(path for path in dicomweb_files.rglob("*") if path.is_file()):
            server.put(file.read_bytes())
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server
