"""Each stage starved on purpose on a real Ray: the one that was made slow is the one that is named."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pytest

from echoprime.bundle import Bundle
from echoprime.demonstration import write_demonstration_bundle
from echoprime.storage import Location
from echoprime.tables import RunRecord, StudyTable, list_runs
from pipelines.encode import encode
from pipelines.manifest import list_archive
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncodeSettings, ManifestSettings
from tests.tiny import large_loop, small_loop

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def run_over(bundle: Bundle, loop: bytes, studies: int, place: Path) -> RunRecord:
    """Encode so many studies of one loop with one actor a stage; the run's record."""
    for number in range(studies):
        folder = place / "archive" / f"{number:03d}"
        folder.mkdir(parents=True)
        (folder / "1.dcm").write_bytes(loop)
    manifest = place / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(place / "archive"), manifest=str(manifest)))
    encode(
        EncodeSettings(
            manifest=str(manifest),
            bundle=str(bundle.location),
            output=str(place / "out"),
            readers=1,
            encoders=1,
            view_classifiers=1,
            commit_studies=1,
            progress=False,
        )
    )
    (record,) = list_runs(Location.parse(place / "out"))
    return record


def test_slow_decoding_bounds_as_the_readers(cluster: ClusterSize, bundle: Bundle, tmp_path: Path) -> None:
    record = run_over(bundle, large_loop(), 60, tmp_path)
    assert record.bound == "readers", record.advice
    assert record.pools["encoders"]["starved"] > 0.3
    assert "reading cores (--readers)" in record.advice


def test_a_large_network_bounds_as_the_encoders(cluster: ClusterSize, tmp_path: Path) -> None:
    """The published sizes beside small loops; readers are kept back by what follows them."""
    record = run_over(write_demonstration_bundle(tmp_path / "bundle"), small_loop(1), 20, tmp_path)
    assert record.bound == "encoders", record.advice
    assert record.pools["view_classifiers"]["starved"] > 0.3
    assert record.pools["driver"]["starved"] > 0.5
    assert "(--encoders)" in record.advice or "more cores or a GPU" in record.advice


def test_a_slow_output_bounds_as_the_commits(
    cluster: ClusterSize, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = StudyTable.append

    def slow(self: StudyTable, rows: pa.Table) -> None:
        time.sleep(0.5 * len(rows))  # a far bucket
        append(self, rows)

    monkeypatch.setattr(StudyTable, "append", slow)
    record = run_over(bundle, small_loop(1), 60, tmp_path)
    assert record.bound == "driver", record.advice
    assert record.pools["driver"]["starved"] < 0.4
    assert record.advice.startswith("commits bound this run")
