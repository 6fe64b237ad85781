"""A driver killed with SIGKILL at a random moment, and started again."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from tests.rows import rows

pytestmark = [pytest.mark.ray, pytest.mark.slow]

COMMAND = [str(Path(sys.executable).parent / "echoprime"), "run"]


@pytest.mark.parametrize("turn", range(3))
def test_a_killed_run_started_again_ends_in_the_same_rows(
    turn: int, archive: Path, bundle: Bundle, encoded: Path, tmp_path: Path
) -> None:
    words = ["--archive", archive, "--bundle", bundle.location, "--output", tmp_path / "out"]
    # One study a commit, so that a kill finds some studies in the table and others not.
    command = [*COMMAND, *map(str, words), "--commit-studies", "1"]
    kills = 0
    wait = random.Random(turn)
    while kills < 3:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=wait.uniform(3, 25))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    started = time.monotonic()
    last = subprocess.run(command, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    assert time.monotonic() - started < 300
    assert rows(tmp_path / "out" / "encodings") == rows(encoded / "encodings")
    assert len(rows(tmp_path / "out" / "interpretations" / "default")) == 6
