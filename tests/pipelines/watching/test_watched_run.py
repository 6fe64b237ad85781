"""One real encode run with a read that hangs: what it says meanwhile, logs, and serves to Prometheus."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import RunRecord, list_runs
from pipelines.encode import encode
from pipelines.manifest import list_archive
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncodeSettings, ManifestSettings
from pipelines.watching.run_metrics import COUNTERS, GAUGES
from tests.tiny import small_loop

# slow: a read hangs for as long as it takes to be told of twice, and to be served
pytestmark = [pytest.mark.ray, pytest.mark.slow]

NAME = "SMITH^JOHN-19500101"
"""Stands in every path and study of the archive."""

SECONDS = 120.0
"""A loaded machine is no failure."""


@dataclass(frozen=True)
class WatchedRun:
    """What was left of it."""

    record: RunRecord
    events: list[dict[str, Any]]
    said: str
    metrics_before: str
    metrics: str


def events_of(directory: Path) -> list[dict[str, Any]]:
    """The log's lines, also of a run that goes on."""
    return [json.loads(line) for file in directory.glob("runs/*/log.jsonl") for line in file.open()]


def until(found: Callable[[], bool]) -> None:
    """Wait for something of the run."""
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def served() -> str:
    """What this node's Ray serves to Prometheus."""
    import ray

    port = ray.nodes()[0]["MetricsExportPort"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def value_of(text: str, name: str, **tags: str) -> float:
    """Sum of a metric over the lines that have these tags."""
    found = [
        line
        for line in text.splitlines()
        if line.startswith(f"ray_{name}{{") and all(f'{tag}="{word}"' in line for tag, word in tags.items())
    ]
    return sum(float(line.rpartition(" ")[2]) for line in found)


@pytest.fixture(scope="module")
def run(cluster: ClusterSize, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> WatchedRun:
    """Four loops, then a pipe that nobody writes to, as on a dead mount, until the run has said so twice."""
    place = tmp_path_factory.mktemp("watched")
    folders = [place / "archive" / f"{study}-{NAME}" for study in range(4)]
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / f"{NAME}.dcm").write_bytes(small_loop(number))
    pipe = folders[-1] / f"{NAME}.dcm"
    pipe.write_bytes(b"")
    manifest = place / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(place / "archive"), manifest=str(manifest)))
    listed = pipe.stat().st_mtime_ns
    pipe.unlink()
    os.mkfifo(pipe)
    os.utime(pipe, ns=(listed, listed))
    time.sleep(1)  # what other tests' runs counted is served by now
    texts = [served()]

    def look_and_let_go() -> None:
        try:
            until(lambda: len(hung(events_of(place / "out"))) == 2)
            # what came before is served by then too
            until(lambda: value_of(served(), "echoprime_silent_seconds") >= 1)
            texts.append(served())
        finally:  # whatever went wrong: else the run would hang until its read's time limit
            writer = os.open(pipe, os.O_RDWR)  # lets the hanging read go
            pipe.unlink()  # and what it does again find nothing
            os.close(writer)

    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr("pipelines.progress.JobProgress.say", lambda self, line: said.append(line))
        looking = pool.submit(look_and_let_go)
        encode(
            EncodeSettings(
                manifest=str(manifest),
                bundle=str(bundle.location),
                output=str(place / "out"),
                encoders=1,
                commit_studies=1,
                watch_seconds=0.5,
                progress=False,
            )
        )
        looking.result()
    (record,) = list_runs(Location.parse(place / "out"))
    return WatchedRun(record, events_of(place / "out"), "\n".join(said), *texts)


def hung(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was said twice between the first commit and the end of the hang."""
    first = next((place for place, each in enumerate(events) if each["event"] == "commit"), len(events))
    return [each for each in events[first:] if each["event"] == "waiting"][:2]


def test_a_hung_read_is_what_the_run_says_that_it_waits_for(run: WatchedRun) -> None:
    for each in hung(run.events):
        assert (each["level"], each["driver"]) == ("warning", "waiting")
        stages = each["stages"]
        assert (stages["readers"]["working"], stages["readers"]["tasks"]) == (1, 1)
        assert stages["encoders"]["working"] == stages["encoders"]["queued"] == 0
        assert stages["view_classifiers"]["working"] == stages["view_classifiers"]["queued"] == 0
    said = r"encode: nothing came out for \d seconds; readers: 1 of 1 actors at work on 1 tasks; encoders: 0 "
    assert len(re.findall(said, run.said)) >= 2


def test_silence_is_told_at_growing_intervals(run: WatchedRun) -> None:
    first, second = (each["seconds"] for each in hung(run.events))
    assert first >= 0.5
    assert second >= 1


def test_the_log_has_a_line_for_each_commit_and_event(run: WatchedRun) -> None:
    events = [each["event"] for each in run.events if each["event"] not in ("waiting", "commit")]
    assert events == ["start", "pools", "stages", "end"]
    commits = [each for each in run.events if each["event"] == "commit"]
    assert len(commits) >= 2
    assert sum(each["studies"] for each in commits) == commits[-1]["committed"] == 4
    assert [each["left"] for each in commits] == [4 - each["committed"] for each in commits]
    assert run.events[-1]["failed:missing"] == 1
    times = [datetime.fromisoformat(each["time"]) for each in run.events]
    assert times == sorted(times)
    assert {each.utcoffset().total_seconds() for each in times} == {0}


def test_the_record_says_which_stages_waited(run: WatchedRun) -> None:
    """Everything waited for the reader, and the reader for bytes."""
    assert run.record.seconds["fetch"] > 0.5
    assert run.record.pools["encoders"]["starved"] > 0.3
    assert run.record.pools["driver"]["starved"] > 0.3
    assert run.record.cluster["nodes"] == 1
    assert run.record.advice


def test_prometheus_finds_every_metric_at_the_node(run: WatchedRun) -> None:
    lines = [line for line in run.metrics.splitlines() if line.startswith("ray_echoprime_")]
    names = {line.partition("{")[0] for line in lines}
    assert names == {f"ray_{name}_total" for name in COUNTERS} | {f"ray_{name}" for name in GAUGES}

    def value(name: str, **tags: str) -> float:
        before = value_of(run.metrics_before, name, **tags) if name.endswith("_total") else 0.0
        return value_of(run.metrics, name, **tags) - before

    # what came before the hang: the last study, and what shares its chunk, did not
    events = run.events[: run.events.index(hung(run.events)[1])]
    came = sum(each["studies"] for each in events if each["event"] == "commit")
    assert 1 <= came <= 3
    assert value("echoprime_studies_total", pipeline="encode") == came
    assert value("echoprime_studies_left", pipeline="encode") == 4 - came
    assert value("echoprime_clips_total") == value("echoprime_videos_total", outcome="encoded") == came
    assert value("echoprime_actors", stage="readers", state="working") == 1
    assert value("echoprime_stage_seconds_total", stage="encode") > 0
    assert value("echoprime_bytes_total") == sum(len(small_loop(number)) for number in range(came))


def test_nothing_names_a_patient(run: WatchedRun) -> None:
    for text in (json.dumps(run.events), run.said, run.metrics):
        assert NAME not in text
        assert "19500101" not in text
