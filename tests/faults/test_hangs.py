"""What hangs - a read, a decoder, an encoder, a shard - ends by its time limit, and no row is lost to it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle
from echoprime.errors import StalledError
from echoprime.storage import Location
from echoprime.tables import list_runs
from pipelines.encode import encode
from pipelines.interpret import interpret
from pipelines.manifest import list_archive
from pipelines.results import JobResult
from pipelines.settings import EncodeSettings, InterpretSettings, ManifestSettings
from tests.faults.table import Difference, FaultTable, difference
from tests.faults.workers import cpu_seconds, processes, stopping, wait_for
from tests.rows import committed, rows
from tests.tiny import large_loop, write_tiny_archive

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("roomy_ray")]

STUDIES = 24
LARGE = 60
"""So many that a fast machine decodes for twice as long as `in_the_middle` waits."""

ENCODING = "MapBatches(EncodeVideos)).submit"
"""An actor at work; one that idles or is being started has another title."""

STARTING = "MapBatches(EncodeVideos)).__init__"

DECODER = "echoprime.reading.child"
LOADED = 2.0
"""Seconds of a core that the decoding process takes to start, generously."""

LIMIT = 40.0
"""Seconds of each limit: far above what the work takes, on a busy machine too."""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hangs")
    write_tiny_archive(place / "archive", studies=STUDIES)
    list_archive(ManifestSettings(archive=str(place / "archive"), manifest=str(place / "manifest.parquet")))
    return place / "manifest.parquet"


def encoded(manifest: Path, bundle: Bundle, output: Path, **more: Any) -> JobResult:
    return encode(
        EncodeSettings(
            manifest=str(manifest),
            bundle=str(bundle.location),
            output=str(output),
            readers=1,
            encoders=1,
            view_classifiers=1,
            commit_studies=1,
            progress=False,
            **more,
        )
    )


@pytest.fixture(scope="module")
def undisturbed(roomy_ray: str, manifest: Path, bundle: Bundle) -> list[dict[str, Any]]:
    assert encoded(manifest, bundle, manifest.parent / "undisturbed").exit_code == 0
    return rows(manifest.parent / "undisturbed" / "encodings")


def test_a_hung_encoder_is_started_anew(
    manifest: Path,
    bundle: Bundle,
    undisturbed: list[dict[str, Any]],
    tmp_path: Path,
    fault_table: FaultTable,
    capfd: pytest.CaptureFixture[str],
) -> None:
    output, left = tmp_path / "out", []

    def some_are_done() -> bool:
        done = committed(output)
        left.append(STUDIES - done)
        return done > 0

    started = time.monotonic()
    with stopping(ENCODING, some_are_done, times=1) as halted:
        result = encoded(manifest, bundle, output, watch_seconds=LIMIT / 4, stall_seconds=LIMIT)
    found = difference(rows(output / "encodings"), undisturbed)
    fault_table.add("encoder hangs", 0, 0, found=found, seconds=time.monotonic() - started)
    assert len(halted) == 1
    assert left[-1] > 0, "it was halted when nothing was left to do"
    assert (found, result.exit_code) == (Difference(0, 0, 0), 0)
    said = capfd.readouterr().err
    assert "encoders: 1 of 1 actors at work" in said
    assert "1 encoders at work are started anew" in said


def test_encoders_that_hang_again_and_again_end_the_job(
    manifest: Path, bundle: Bundle, undisturbed: list[dict[str, Any]], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    with (
        stopping(ENCODING, lambda: committed(output) > 0, times=20) as halted,
        pytest.raises(StalledError, match=r"nothing came out for .* also after 2 new starts .*encoders"),
    ):
        encoded(manifest, bundle, output, stall_seconds=LIMIT)
    assert len(halted) >= 2
    (run,) = list_runs(Location.parse(output))
    assert run.exit_code == 3
    assert 0 < committed(output) < STUDIES
    assert encoded(manifest, bundle, output).exit_code == 0
    assert difference(rows(output / "encodings"), undisturbed) == Difference(0, 0, 0)


def test_an_encoder_that_hangs_while_it_starts_ends_the_job(
    manifest: Path, bundle: Bundle, undisturbed: list[dict[str, Any]], tmp_path: Path
) -> None:
    """It is waited for, as a network is that loads for long, until the fourth silence."""
    output = tmp_path / "out"
    with (
        stopping(STARTING, lambda: True, times=1) as halted,
        pytest.raises(StalledError, match=r"nothing came out for .* also after 0 new starts .*encoders"),
    ):
        encoded(manifest, bundle, output, stall_seconds=LIMIT / 2)
    assert len(halted) == 1
    (run,) = list_runs(Location.parse(output))
    assert run.exit_code == 3
    assert encoded(manifest, bundle, output).exit_code == 0
    assert difference(rows(output / "encodings"), undisturbed) == Difference(0, 0, 0)


def test_a_hung_decoder_costs_one_video(bundle: Bundle, tmp_path: Path, fault_table: FaultTable) -> None:
    """Loops that take long to decode, so that it is halted within one of them."""
    (tmp_path / "1.dcm").write_bytes(large_loop())
    for number in range(LARGE):
        (tmp_path / "archive" / f"{number:02d}").mkdir(parents=True)
        os.link(tmp_path / "1.dcm", tmp_path / "archive" / f"{number:02d}" / "1.dcm")
    manifest, output, started = tmp_path / "manifest.parquet", tmp_path / "out", time.monotonic()
    list_archive(ManifestSettings(archive=str(tmp_path / "archive"), manifest=str(manifest)))
    assert encoded(manifest, bundle, tmp_path / "fresh").exit_code == 0
    undisturbed = rows(tmp_path / "fresh" / "encodings")

    def in_the_middle() -> bool:
        return any(cpu_seconds(pid) > LOADED + 2 for pid in processes(DECODER))

    with stopping(DECODER, in_the_middle, times=1) as halted:
        result = encoded(manifest, bundle, output, decode_seconds=LIMIT / 2)
    assert len(halted) == 1
    assert result.exit_code == 0  # the file may be what hung it: its outcome is permanent
    assert result.outcomes["failed", "decoder_timeout"] == 1
    assert difference(rows(output / "encodings"), undisturbed).wrong == 1
    encoded(manifest, bundle, output, again="decoder_timeout")
    found = difference(rows(output / "encodings"), undisturbed)
    fault_table.add("decoder hangs", 0, 0, found=found, seconds=time.monotonic() - started)
    assert found == Difference(0, 0, 0)


def test_a_hung_read_is_tried_by_the_next_run(
    manifest: Path, bundle: Bundle, undisturbed: list[dict[str, Any]], tmp_path: Path, fault_table: FaultTable
) -> None:
    """A pipe that nobody writes into, as a dead mount answers."""
    output, started = tmp_path / "out", time.monotonic()
    file = manifest.parent / "archive" / "study-3" / "1.dcm"
    kept, listed = file.with_suffix(".kept"), file.stat().st_mtime_ns
    file.rename(kept)
    os.mkfifo(file)
    os.utime(file, ns=(listed, listed))
    try:
        result = encoded(manifest, bundle, output, read_seconds=LIMIT / 4)
    finally:
        kept.replace(file)
    assert (result.exit_code, result.incomplete) == (3, 1)
    assert result.outcomes["failed", "read_error"] == 1
    assert encoded(manifest, bundle, output).exit_code == 0
    found = difference(rows(output / "encodings"), undisturbed)
    fault_table.add("read hangs", 0, 0, found=found, seconds=time.monotonic() - started)
    assert found == Difference(0, 0, 0)


def test_a_hung_shard_is_started_anew(
    manifest: Path, bundle: Bundle, undisturbed: list[dict[str, Any]], fault_table: FaultTable
) -> None:
    output, found = manifest.parent / "undisturbed", {}
    started = time.monotonic()
    for name in ("undisturbed", "disturbed"):
        with stopping("CandidateShard", lambda: True, times=name == "disturbed") as halted:
            result = interpret(
                InterpretSettings(
                    bundle=str(bundle.location),
                    output=str(output),
                    name=name,
                    shards=2,
                    stall_seconds=2 * LIMIT,
                    progress=False,
                )
            )
        assert result.exit_code == 0
        assert len(halted) == (name == "disturbed")
        found[name] = rows(output / "interpretations" / name)
    same = difference(found["disturbed"], found["undisturbed"])
    fault_table.add("shard hangs", 0, 0, found=same, seconds=time.monotonic() - started)
    assert same == Difference(0, 0, 0)
    wait_for(lambda: not processes("CandidateShard"), 60)
