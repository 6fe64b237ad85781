"""One local Ray, one tiny bundle and one tiny archive for all tests of the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from pipelines.encode import encode
from pipelines.manifest import list_archive
from pipelines.ray_session import ClusterSize, ray_session
from pipelines.settings import EncodeSettings, ManifestSettings
from tests.s3_server import S3Server
from tests.tiny import write_tiny_archive, write_tiny_bundle


@pytest.fixture(scope="session")
def cluster(s3_server: S3Server) -> Iterator[ClusterSize]:
    """A Ray on this machine; the jobs of a test use it as it is. Its metrics come twice a second.

    Its workers have the environment that it starts in: the S3 server's, whatever test comes first.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_metrics_report_interval_ms", "500")
        with ray_session(None) as size:
            yield size


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Untrained networks of two blocks, 120 candidates of which 30 stand twice."""
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six studies, 15 videos; a still and a damaged file among them. Not to be changed."""
    return write_tiny_archive(tmp_path_factory.mktemp("tiny") / "archive")


@pytest.fixture(scope="session")
def manifest(archive: Path) -> Path:
    """Of the archive, beside it."""
    place = archive.parent / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(archive), manifest=str(place)))
    return place


@pytest.fixture(scope="session")
def encoded(cluster: ClusterSize, bundle: Bundle, manifest: Path) -> Path:
    """An output with the archive's encodings; a test may add interpretations under names of its own."""
    output = manifest.parent / "out"
    encode(EncodeSettings(manifest=str(manifest), bundle=str(bundle.location), output=str(output)))
    return output
