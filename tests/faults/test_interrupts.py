"""Ctrl-C and SIGTERM in mid-run: once it finishes what is in flight, twice it stops now; nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import list_runs
from tests.encoded import write_encodings
from tests.faults.table import Difference, difference
from tests.faults.workers import end, processes, wait_for
from tests.interrupting import interruptible
from tests.rows import committed, rows
from tests.tiny import large_loop

pytestmark = [pytest.mark.ray, pytest.mark.slow]

STUDIES = 40
ENCODED = 3_000
SAID = "interrupted; what was finished is kept. The same command does the rest."


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loops that take longer to read than to encode, so that most are not begun when a signal comes."""
    place, loop = tmp_path_factory.mktemp("long") / "archive", large_loop()
    for number in range(STUDIES):
        (place / f"{number:03d}").mkdir(parents=True)
        (place / f"{number:03d}" / "1.dcm").write_bytes(loop)
    return place


@pytest.fixture(scope="module")
def undisturbed(archive: Path, bundle: Bundle, roomy_ray: str) -> list[dict[str, Any]]:
    output = archive.parent / "undisturbed"
    done = subprocess.run(command(archive, bundle, output, roomy_ray), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return rows(output / "encodings")


def command(archive: Path, bundle: Bundle, output: Path, address: str | None) -> list[str]:
    words = ["run", "--archive", archive, "--bundle", bundle.location, "--output", output]
    words += ["--readers", 1, "--encoders", 1, "--view-classifiers", 1, "--commit-studies", 4]
    words += ["--ray-address", address] if address else []
    return [sys.executable, "-m", "pipelines", *map(str, words)]


def events(output: Path) -> list[dict[str, Any]]:
    (log,) = (output / "runs").glob("*/log.jsonl")
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "out"
    shutil.rmtree(tmp_path / "out", ignore_errors=True)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_once_finishes_what_is_in_flight(
    how: signal.Signals,
    archive: Path,
    bundle: Bundle,
    undisturbed: list[dict[str, Any]],
    roomy_ray: str,
    output: Path,
) -> None:
    words = command(archive, bundle, output, roomy_ray)
    process = interruptible(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: committed(output) > 0 or process.poll() is not None)
    process.send_signal(how)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "encode: ending; what is in flight is finished and committed" in said
    assert SAID in said
    assert "Traceback" not in said
    told = [each["event"] for each in events(output)]
    assert "commit" in told[told.index("ending") :], "a study that was being read is finished"
    (run,) = list_runs(Location.parse(output))
    assert (run.exit_code, run.counts["encoded"]) == (130, committed(output))
    assert committed(output) < STUDIES, "nothing else was to be begun"
    assert subprocess.run(words, capture_output=True).returncode == 0
    assert difference(rows(output / "encodings"), undisturbed) == Difference(0, 0, 0)


def test_twice_stops_now(
    archive: Path, bundle: Bundle, undisturbed: list[dict[str, Any]], roomy_ray: str, output: Path
) -> None:
    words = command(archive, bundle, output, roomy_ray)
    process = interruptible(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: committed(output) > 0 or process.poll() is not None)
    # the readers cannot finish: the first signal alone would wait for them
    halted = processes("ReadClips")
    assert halted
    for pid in halted:
        os.kill(pid, signal.SIGSTOP)
    try:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(10)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    finally:
        for pid in halted:
            end(pid)
    assert process.returncode == 130, said
    assert SAID in said
    assert "Traceback" not in said
    assert 0 < committed(output) < STUDIES
    assert subprocess.run(words, capture_output=True).returncode == 0
    assert difference(rows(output / "encodings"), undisturbed) == Difference(0, 0, 0)


def test_ctrl_c_of_a_terminal_reaches_ray_as_well(
    archive: Path, bundle: Bundle, undisturbed: list[dict[str, Any]], output: Path
) -> None:
    """A terminal signals the whole group: a Ray of the job's own must stay until the rows are committed."""
    words = command(archive, bundle, output, None)
    process = interruptible(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    wait_for(lambda: committed(output) > 0 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    told = [each["event"] for each in events(output)]
    assert "commit" in told[told.index("ending") :]
    expected = {row["study_id"]: row for row in undisturbed}
    assert all(row == expected[row["study_id"]] for row in rows(output / "encodings"))


def test_interpret_is_interrupted_and_goes_on(bundle: Bundle, roomy_ray: str, tmp_path: Path) -> None:
    write_encodings(tmp_path / "encodings", bundle, ENCODED, rows_a_commit=500)
    words = ["interpret", "--bundle", bundle.location, "--output", tmp_path, "--ray-address", roomy_ray]
    words = [sys.executable, "-m", "pipelines", *map(str, words)]
    assert subprocess.run([*words, "--name", "undisturbed"], capture_output=True).returncode == 0
    for log in (tmp_path / "runs").glob("*/log.jsonl"):
        log.unlink()
    before = set(processes("InterpretStudies"))  # the other run's actors may still be ending
    process = interruptible(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: bool(set(processes("InterpretStudies")) - before) or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert SAID in said
    assert "ending" in [each["event"] for each in events(tmp_path)]
    table = tmp_path / "interpretations" / "default"
    assert len(rows(table)) < ENCODED
    assert subprocess.run(words, capture_output=True).returncode == 0
    assert difference(rows(table), rows(tmp_path / "interpretations" / "undisturbed")) == Difference(0, 0, 0)
