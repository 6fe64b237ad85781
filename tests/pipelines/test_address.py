"""`--ray-address`: the main job on a cluster that somebody else started, and that goes on after it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from tests.rows import rows

pytestmark = [pytest.mark.ray, pytest.mark.cluster]

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A head node of its own, ended by the process that holds it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    head = subprocess.Popen(
        [str(BIN / "ray"), "start", "--head", "--block", "--disable-usage-stats", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ends = time.monotonic() + 90
        while time.monotonic() < ends:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        head.send_signal(signal.SIGTERM)
        head.wait(timeout=60)


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "echoprime"), "run", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


def test_the_same_rows_on_a_cluster_that_goes_on(
    address: str, archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    words = ["--archive", archive, "--bundle", bundle.location, "--output"]
    alone = run(*words, tmp_path / "alone")
    assert alone.returncode == 0, alone.stderr
    for turn in ("first", "second"):
        there = run(*words, tmp_path / turn, "--ray-address", address)
        assert there.returncode == 0, there.stderr
        for table in ("encodings", "interpretations/default"):
            assert rows(tmp_path / turn / table) == rows(tmp_path / "alone" / table)


def test_no_cluster_is_one_line(archive: Path, bundle: Bundle, tmp_path: Path) -> None:
    words = ["--archive", archive, "--bundle", bundle.location, "--output", tmp_path]
    answer = run(*words, "--ray-address", "127.0.0.1:9")
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert "no Ray at 127.0.0.1:9" in answer.stderr
