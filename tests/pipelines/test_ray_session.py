"""Ray started by jobs: twice in one process with its metrics each time, once for both halves of `run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from echoprime.errors import SettingError
from pipelines.ray_session import _start
from tests.tiny import write_tiny_archive, write_tiny_bundle

TWICE = """
import json, os, sys, time, urllib.request
import ray
from pipelines import ray_session
from pipelines.watching.run_metrics import RunMetrics

def served():
    address = f"http://127.0.0.1:{ray.nodes()[0]['MetricsExportPort']}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.read().decode()
    except OSError:
        return ""

found = []
for job in ("encode", "interpret"):
    with ray_session.ray_session(None):
        metrics = RunMetrics(job)
        metrics.count("echoprime_studies", 3)
        deadline, lines = time.monotonic() + 120, []
        while len(lines) < 2 and time.monotonic() < deadline:
            metrics.set("echoprime_studies_left", 5)
            time.sleep(0.3)
            lines = [line for line in served().splitlines() if line.startswith("ray_echoprime_studies")]
        tag = f'pipeline="{job}"'
        found.append({line.partition("{")[0]: [tag in line, line.split()[-1]] for line in lines})
print(json.dumps(found))
"""

ONCE = """
import sys
import ray
from pipelines.cli import main

starts = []
init = ray.init
ray.init = lambda *args, **options: (starts.append(1), init(*args, **options))
code = main(sys.argv[1:])
print("code", code, "starts", len(starts), "left", ray.is_initialized())
"""


def python(code: str, *words: str) -> str:
    """What a process of its own prints: this one may have a Ray already."""
    environment = {**os.environ, "RAY_metrics_report_interval_ms": "500"}
    answer = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, timeout=500
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()[-1]


@pytest.mark.ray
@pytest.mark.slow
def test_a_second_ray_of_a_process_serves_metrics_too() -> None:
    found = json.loads(python(TWICE))
    both = {
        "ray_echoprime_studies_total": [True, "3.0"],
        "ray_echoprime_studies_left": [True, "5.0"],
    }
    assert found == [both, both]


@pytest.mark.ray
@pytest.mark.slow
def test_both_halves_of_run_share_one_ray_and_none_starts_for_nothing(tmp_path: Path) -> None:
    archive = write_tiny_archive(tmp_path / "archive", studies=2)
    bundle = write_tiny_bundle(tmp_path / "bundle")
    words = ["--archive", archive, "--bundle", bundle.location, "--output", tmp_path / "out"]
    command = ["run", *map(str, words)]
    assert python(ONCE, *command) == "code 0 starts 1 left False"
    assert len([name for name in (tmp_path / "out" / "runs").iterdir() if name.is_dir()]) == 2
    assert python(ONCE, *command) == "code 0 starts 0 left False"


def test_a_ray_that_is_not_up_in_time_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with too much to do Ray raises a bare exception."""

    def late(**_: object) -> None:
        raise Exception("The current node timed out during startup.")  # as Ray does

    monkeypatch.setattr("ray.init", late)
    with pytest.raises(SettingError, match=r"does not start .*timed out during startup.*less to do"):
        _start(None)
