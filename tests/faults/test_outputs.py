"""Outputs that cannot be written: full, closed, another run's. One line says it, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.cli import main
from tests.faults.small_disk import fill, small_disk
from tests.faults.table import Difference, FaultTable, difference
from tests.faults.workers import wait_for
from tests.interrupting import interruptible
from tests.rows import committed, rows
from tests.s3_server import S3Server
from tests.tiny import write_tiny_archive

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

STUDIES = 40
ROOM = 80
"""Megabytes: a job asks for 64 at its start."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_archive(tmp_path_factory.mktemp("outputs") / "archive", studies=STUDIES)


@pytest.fixture(scope="module")
def store(s3_server: S3Server, roomy_ray: str) -> str:
    """Ray is started after the server, so that its workers reach it; its address."""
    return roomy_ray


def words(archive: Path, bundle: Bundle, output: object, address: str) -> list[str]:
    return [
        *("encode", "--manifest", str(archive.parent / "manifest.parquet")),
        *("--bundle", str(bundle.location), "--output", str(output), "--ray-address", address),
        *("--readers", "1", "--encoders", "1", "--view-classifiers", "1", "--commit-studies", "1"),
    ]


@pytest.fixture(scope="module")
def undisturbed(archive: Path, bundle: Bundle, store: str) -> list[dict[str, Any]]:
    assert main(["manifest", str(archive), str(archive.parent / "manifest.parquet")]) == 0
    output = archive.parent / "undisturbed"
    assert main(words(archive, bundle, output, store)) == 0
    return rows(output / "encodings")


def test_a_disk_that_gets_full_in_mid_run(
    archive: Path,
    bundle: Bundle,
    store: str,
    undisturbed: list[dict[str, Any]],
    tmp_path: Path,
    fault_table: FaultTable,
    capfd: pytest.CaptureFixture[str],
) -> None:
    started = time.monotonic()
    with small_disk(tmp_path / "disk", ROOM) as disk:
        output = disk / "out"
        job = words(archive, bundle, output, store)
        filling = threading.Thread(target=lambda: (wait_for(lambda: committed(output) > 2), fill(disk)))
        filling.start()
        code = main(job)
        filling.join()
        said = capfd.readouterr().err
        assert code == 1, said
        (line,) = [line for line in said.splitlines() if line.startswith("echoprime:")]
        assert "no space is left there; make room and run the same command again" in line
        assert "Traceback" not in said
        kept = rows(output / "encodings")
        assert 2 < len(kept) < STUDIES
        assert difference(kept, undisturbed).wrong == 0
        # still full: the next run says so before it takes anything up
        assert main(job) == 1
        assert "make room" in capfd.readouterr().err
        (disk / "ballast").unlink()
        assert main(job) == 0
        found = difference(rows(output / "encodings"), undisturbed)
        fault_table.add("disk full", 0, 0, found=found, seconds=time.monotonic() - started)
        assert found == Difference(0, 0, 0)


def test_a_bucket_that_may_only_be_read(
    archive: Path,
    bundle: Bundle,
    undisturbed: list[dict[str, Any]],
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Told before Ray: the address is one where none could be asked."""
    bucket = s3_server.make_bucket()
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    s3_server.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.member)
    monkeypatch.setattr("pipelines.encode.ray_session", None)
    for command in ("encode", "run"):
        job = words(archive, bundle, f"s3://{bucket}/out", "auto")
        if command == "run":
            job = ["run", "--archive", str(archive), *job[3:]]
        started = time.monotonic()
        assert main(job) == 2
        assert time.monotonic() - started < 60
        said = capfd.readouterr().err
        assert "these keys may not write and remove objects there" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize("where", ["folder", "s3"])
def test_two_runs_into_one_table(
    where: str,
    archive: Path,
    bundle: Bundle,
    store: str,
    undisturbed: list[dict[str, Any]],
    s3_server: S3Server,
    tmp_path: Path,
    fault_table: FaultTable,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The first is halted until it counts as silent; the second is forced in; then both write."""
    output = Location.parse(f"s3://{s3_server.make_bucket()}/out" if where == "s3" else tmp_path / "out")
    job, started = words(archive, bundle, output, store), time.monotonic()
    first = interruptible([sys.executable, "-m", "pipelines", *job], stderr=subprocess.PIPE)
    wait_for(lambda: committed(output) > 0 or first.poll() is not None)
    assert main(job) == 2
    said = capfd.readouterr().err
    assert "is writing encodings, heard of" in said
    assert "wait until it ends, or write elsewhere" in said
    os.kill(first.pid, signal.SIGSTOP)
    assert committed(output) < STUDIES, "nothing is left for two"
    try:
        beat = output / "runs" / "writing-encodings.json"
        wait_for(lambda: time.time() - json.loads(beat.read_bytes())["beat"] > 60)
        assert main(job) == 2
        assert "run again with --force" in capfd.readouterr().err
        threading.Timer(30, lambda: os.kill(first.pid, signal.SIGCONT)).start()
        code = main([*job, "--force"])
    finally:
        os.kill(first.pid, signal.SIGCONT)
    _, told = first.communicate(timeout=300)
    assert (code, first.returncode) == (0, 0), told
    found = difference(rows(output / "encodings"), undisturbed)
    fault_table.add(f"two runs, {where}", 0, 0, found=found, seconds=time.monotonic() - started)
    assert found == Difference(0, 0, 0)
    assert StudyTable.existing(output / "encodings").keys().num_rows >= STUDIES
