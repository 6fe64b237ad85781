"""Objects replaced in mid-run: no byte of another version is used, and the next run takes the study up."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from operators.read_clips import READS_AHEAD
from pipelines.cli import main
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy
from tests.faults.table import Difference, FaultTable, counted, difference
from tests.rows import rows
from tests.s3_server import S3Server
from tests.tiny import small_loop, write_tiny_archive

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

STUDIES = 6
MEMBERS = 40
"""More than are fetched ahead, so that some are asked for after the file was replaced."""

REQUESTS = 4
"""Of each: its header and its bytes, both twice, since over http nothing else vouches for a range."""


@pytest.fixture(scope="module")
def archive(
    s3_server: S3Server,
    proxy: FaultProxy,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Location:
    """In a bucket; Ray is started here, so that its workers take the way through the proxy."""
    folder = write_tiny_archive(tmp_path_factory.mktemp("changing") / "archive", studies=STUDIES)
    place = Location.parse(f"s3://{s3_server.make_bucket()}/archive")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        (place / path.relative_to(folder).as_posix()).write_bytes(path.read_bytes())
    (place / "packed.zip").write_bytes(packed(0))
    request.getfixturevalue("roomy_ray")
    return place


def packed(seed: int) -> bytes:
    """The same names whatever the seed: only what is in the members differs."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        for number in range(MEMBERS):
            members.writestr(f"IM{number:04d}", small_loop(1_000 * seed + 100 + number))
    return file.getvalue()


def listed(archive: Location) -> str:
    manifest = str(archive.parent / "manifest.parquet")
    assert main(["manifest", str(archive), manifest]) == 0
    return manifest


def encoded(manifest: str, bundle: Bundle, output: Path) -> int:
    words = ["encode", "--manifest", manifest, "--bundle", str(bundle.location), "--output", str(output)]
    return main([*words, "--readers", "1", "--encoders", "1", "--view-classifiers", "1"])


def changed(output: Path) -> dict[str, int]:
    """Study -> videos that were changed, of the studies that are incomplete."""
    return {
        row["study_id"]: sum(video["reason"] == "changed" for video in row["videos"])
        for row in rows(output / "encodings")
        if row["status"] == "incomplete"
    }


def taken_up(archive: Location, bundle: Bundle, output: Path) -> tuple[Difference, list[dict[str, Any]]]:
    """List and encode again, and compare with a run into an empty output."""
    manifest, fresh = listed(archive), output.with_name("fresh")
    assert encoded(manifest, bundle, output) == 0
    assert encoded(manifest, bundle, fresh) == 0
    there = rows(output / "encodings")
    return difference(there, rows(fresh / "encodings")), there


def test_replaced_between_listing_and_reading(
    archive: Location, bundle: Bundle, tmp_path: Path, fault_table: FaultTable
) -> None:
    started, output = time.monotonic(), tmp_path / "out"
    manifest = listed(archive)
    victim = archive / "study-3" / "1.dcm"
    victim.write_bytes(small_loop(77))
    assert encoded(manifest, bundle, output) == 3
    assert changed(output) == {"study-3": 1}
    found, _ = taken_up(archive, bundle, output)
    fault_table.add("replaced before it is read", 0, 0, found=found, seconds=time.monotonic() - started)
    assert found == Difference(0, 0, 0)


def test_replaced_between_two_ranges_of_one_zip(
    archive: Location, bundle: Bundle, proxy: FaultProxy, tmp_path: Path, fault_table: FaultTable
) -> None:
    started, output = time.monotonic(), tmp_path / "out"
    manifest = listed(archive)
    slow = Fault("latency", methods="GET", paths="packed.zip", amount=0.5)
    counts: Counter[str] = Counter()

    def replace() -> None:
        # some are whole by then, whatever is fetched ahead
        while counts["GET"] < REQUESTS * (READS_AHEAD + 4):
            time.sleep(0.1)
            counts.update(proxy.inject(slow))
        (archive / "packed.zip").write_bytes(packed(1))

    proxy.inject(slow)
    thread = threading.Thread(target=replace, daemon=True)
    thread.start()
    try:
        code = encoded(manifest, bundle, output)
        thread.join(60)
    finally:
        counts.update(proxy.inject(None))
    (study,) = changed(output).items()
    found, there = taken_up(archive, bundle, output)
    fault_table.add(
        "zip replaced while it is read", *counted(counts), found=found, seconds=time.monotonic() - started
    )
    assert code == 3
    assert study[0] == "packed.zip"
    assert 0 < study[1] < MEMBERS
    assert found == Difference(0, 0, 0)
    assert next(len(row["embeddings"]) for row in there if row["study_id"] == "packed.zip") == MEMBERS
