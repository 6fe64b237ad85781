"""`--ray-address`: the main job on a cluster that somebody else started, and that goes on after it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from tests.cluster.ray_nodes import RayNodes, ray_nodes
from tests.rows import rows

COMMAND = str(Path(sys.executable).parent / "echoprime")
TABLES = ("encodings", "interpretations/default")


@pytest.fixture(scope="module")
def head() -> Iterator[RayNodes]:
    with ray_nodes(1) as nodes:
        yield nodes


def run(
    archive: Path, bundle: Bundle, output: Path, *more: str, access: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    words = ["--archive", archive, "--bundle", bundle.location, "--output", output, *more]
    return subprocess.run(
        [COMMAND, "run", *map(str, words)],
        env={**os.environ, **(access or {})},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def one_line(answer: subprocess.CompletedProcess[str]) -> str:
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.count("\n") == 1, answer.stderr
    return answer.stderr


@pytest.mark.ray
@pytest.mark.cluster
def test_the_same_rows_on_a_cluster_that_goes_on(
    head: RayNodes, archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    alone = run(archive, bundle, tmp_path / "alone")
    assert alone.returncode == 0, alone.stderr
    addresses = {"first": head.gcs, "second": head.gcs, "auto": "auto"}
    for turn, address in addresses.items():
        access = {**head.environment, **({"RAY_ADDRESS": head.gcs} if address == "auto" else {})}
        there = run(archive, bundle, tmp_path / turn, "--ray-address", address, access=access)
        assert there.returncode == 0, there.stderr
        assert there.stderr == ""
        for table in TABLES:
            assert rows(tmp_path / turn / table) == rows(tmp_path / "alone" / table)


@pytest.mark.ray
@pytest.mark.cluster
def test_without_the_token_it_is_one_line(
    head: RayNodes, archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    for access in (
        {"RAY_AUTH_MODE": "disabled"},
        {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(wrong)},
    ):
        started = time.monotonic()
        line = one_line(run(archive, bundle, tmp_path / "out", "--ray-address", head.gcs, access=access))
        assert time.monotonic() - started < 60
        assert f"no Ray at {head.gcs}" in line
        assert "RAY_AUTH_TOKEN_PATH" in line


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "no Ray at 127.0.0.1:9"),
        ("head.invalid:6379", "no Ray at head.invalid:6379"),
        ("ray://127.0.0.1:10001", "use echoprime submit"),
        ("127.0.0.1", "give HOST:PORT"),
        ("127.0.0.1:many", "give HOST:PORT"),
        ("http://127.0.0.1:8265", "give HOST:PORT"),
    ],
)
def test_a_wrong_address_is_one_line_in_seconds(
    archive: Path, bundle: Bundle, tmp_path: Path, address: str, said: str
) -> None:
    started = time.monotonic()
    assert said in one_line(run(archive, bundle, tmp_path / "out", "--ray-address", address))
    assert time.monotonic() - started < 30
    assert not (tmp_path / "out" / "manifest.parquet").exists()


@pytest.mark.slow
def test_something_else_at_the_address_is_one_line(archive: Path, bundle: Bundle, tmp_path: Path) -> None:
    """A server that accepts and says nothing: Ray alone would try for eleven minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        line = one_line(run(archive, bundle, tmp_path / "out", "--ray-address", address))
        assert time.monotonic() - started < 180
    assert f"no Ray at {address}" in line
