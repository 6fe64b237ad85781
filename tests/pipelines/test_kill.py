"""A driver that is killed with SIGKILL, or interrupted, in mid-run, and started again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from tests.interrupting import interruptible
from tests.rows import committed, rows
from tests.tiny import write_tiny_archive

pytestmark = [pytest.mark.ray, pytest.mark.slow]

STUDIES = 150
"""So many that no run can end by itself before its signal arrives."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_archive(tmp_path_factory.mktemp("long") / "archive", studies=STUDIES)


@pytest.fixture(scope="module")
def undisturbed(archive: Path, bundle: Bundle) -> Path:
    output = archive.parent / "undisturbed"
    done = subprocess.run(command(archive, bundle, output), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


def command(archive: Path, bundle: Bundle, output: Path) -> list[str]:
    """One study a commit, so that a kill finds some studies in the table and others not."""
    words = ["run", "--archive", archive, "--bundle", bundle.location, "--output", output]
    return [str(Path(sys.executable).parent / "echoprime"), *map(str, words), "--commit-studies", "1"]


def start_and_stop(
    words: list[str], output: Path, studies: int, how: signal.Signals, *, after: float = 0
) -> tuple[int, str]:
    """Send the signal so many seconds after so many studies are in the table; returns exit code and words."""
    process = interruptible(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    ends = time.monotonic() + 300
    while committed(output) < studies and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(after)
    assert process.poll() is None, "the run ended before it could be stopped"
    assert committed(output) >= studies, "nothing went on"
    process.send_signal(how)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


@pytest.mark.parametrize("turn", range(3))
def test_a_killed_run_started_again_ends_in_the_same_rows(
    turn: int, archive: Path, bundle: Bundle, undisturbed: Path, tmp_path: Path
) -> None:
    """Killed before anything is committed, or after some studies, at a random moment; twice in a row."""
    output = tmp_path / "out"
    words = command(archive, bundle, output)
    random_moment = random.Random(turn)
    for studies in (turn, turn + 1):
        after = random_moment.uniform(0, 0.2 if studies else 10)  # before the first study a run starts Ray
        code, _ = start_and_stop(words, output, studies, signal.SIGKILL, after=after)
        assert code == -signal.SIGKILL
        assert committed(output) < STUDIES
    last = subprocess.run(words, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    for table in ("encodings", "interpretations/default"):
        assert rows(output / table) == rows(undisturbed / table)


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(
    archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    words = command(archive, bundle, output)
    code, said = start_and_stop(words, output, 1, signal.SIGINT)
    assert code == 130
    assert "The same command does the rest." in said
    assert "Traceback" not in said
    assert 1 <= committed(output) < STUDIES
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
    assert committed(output) == STUDIES
