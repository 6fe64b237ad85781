"""The Grafana dashboard: every metric and label in it is one that a real run on a real Ray exports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import list_runs
from pipelines.watching.run_metrics import COUNTERS, GAUGES
from pipelines.watching.stage_clock import STATES
from tests.cluster.prometheus import Prometheus, prometheus, targets_of
from tests.cluster.queries import VALUES, queries_of
from tests.cluster.ray_nodes import ray_nodes
from tests.tiny import small_loop

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "cluster" / "grafana" / "echoprime.json").read_text()
)
QUERIES = tuple(queries_of(DASHBOARD))

GPUS_ONLY = {"ray_node_gpus_utilization", "ray_node_gram_used"}
"""Metrics that Ray exports where there is an NVIDIA GPU; the tests' machine has none. Their labels (`ip`,
`SessionName`, `GpuIndex`) are those of Ray's `GPU_TAG_KEYS`, which is asked below."""

STUDIES = 300
"""The work must last longer than the window of a rate."""

SAMPLE = re.compile(r"^(\w+)\{(.*)\} \S+$")
LABEL = re.compile(r'(\w+)="')


def test_every_panel_has_a_query_a_source_and_words() -> None:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len(panels) == len({panel["title"] for panel in panels}) >= 20
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in panels:
        assert panel["description"]
        assert panel["targets"]
        for place in (panel, *panel["targets"]):
            assert place["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert "__inputs" not in DASHBOARD  # the source is a variable: nothing is asked at importing


def test_legends_are_labels_that_the_series_have() -> None:
    for query in QUERIES:
        assert query.legend <= query.groups, query


def test_every_metric_of_ours_is_shown() -> None:
    shown = {metric for query in QUERIES for metric in query.metrics}
    assert {f"ray_{name}_total" for name in COUNTERS} | {f"ray_{name}" for name in GAUGES} <= shown


def test_no_tag_has_a_name_that_prometheus_gives() -> None:
    """A label `job` of ours would arrive as `exported_job`."""
    for _, tags in (*COUNTERS.values(), *GAUGES.values()):
        assert not {"job", "instance"} & set(tags)


def test_gpu_metrics_are_ones_that_this_ray_has() -> None:
    from ray.dashboard.modules.reporter import reporter_agent

    for query in QUERIES:
        for metric, labels in query.metrics.items():
            if metric in GPUS_ONLY:
                assert metric.removeprefix("ray_") in reporter_agent.METRICS_GAUGES
                assert labels <= {*reporter_agent.GPU_TAG_KEYS, "SessionName"}


@dataclass(frozen=True)
class Watched:
    """A run that Prometheus watched.

    Attributes
    ----------
    labels
        Metric -> labels that were seen at the nodes' own ports.
    output
        Where it wrote.
    start, end
        Seconds since 1970.
    """

    prometheus: Prometheus
    labels: dict[str, set[str]]
    output: Location
    start: float
    end: float


@pytest.fixture(scope="module")
def run(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Encode and interpret some studies on a cluster of one node, scraped meanwhile."""
    place = tmp_path_factory.mktemp("dashboard")
    for study in range(STUDIES):
        folder = place / "archive" / f"study-{study:03d}"
        folder.mkdir(parents=True)
        for number in range(2):
            (folder / f"{number}.dcm").write_bytes(small_loop(2 * study + number))
    (place / "archive" / "study-000" / "still.dcm").write_bytes(small_loop(5, frames=1))
    labels: dict[str, set[str]] = defaultdict(set)
    with (
        ray_nodes(1, more={"RAY_metrics_report_interval_ms": "1000"}) as nodes,
        prometheus(place, nodes.targets) as server,
    ):
        start = time.time()
        job = subprocess.Popen(
            [
                *(sys.executable, "-m", "pipelines", "run", "--archive", place / "archive"),
                *("--bundle", bundle.location.local_path, "--output", place / "out"),
                *("--ray-address", nodes.gcs, "--commit-studies", "8", "--encoders", "1"),
            ],
            env={**os.environ, **nodes.environment},
            stdout=subprocess.DEVNULL,
        )
        try:
            while job.poll() is None:
                look(targets_of(nodes.targets), labels)
                time.sleep(1)
        finally:
            job.kill()
            job.wait()
        assert job.returncode == 0
        yield Watched(server, labels, Location.parse(place / "out"), start, time.time())


def look(targets: list[str], labels: dict[str, set[str]]) -> None:
    """Add what these ports serve now."""
    for target in targets:
        try:
            with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except (urllib.error.URLError, TimeoutError):
            continue  # it has just begun, or has too much to do
        for line in lines:
            if found := SAMPLE.match(line):
                labels[found[1]].update(LABEL.findall(found[2]))


@pytest.mark.ray
@pytest.mark.cluster
def test_every_metric_and_label_is_exported(run: Watched) -> None:
    missing = {
        (query.where, metric, tuple(sorted(labels - run.labels.get(metric, set()))))
        for query in QUERIES
        for metric, labels in query.metrics.items()
        if metric not in GPUS_ONLY and not labels <= run.labels.get(metric, set())
    }
    assert not missing


@pytest.mark.ray
@pytest.mark.cluster
@pytest.mark.parametrize("query", [pytest.param(query, id=query.where) for query in QUERIES])
def test_prometheus_has_an_answer(run: Watched, query: Any) -> None:
    """By Grafana's variables' usual values."""
    text = query.text.replace("$__rate_interval", "20s").replace("$session", ".*")
    assert "$" not in text
    series = run.prometheus.evaluate(text, run.start, run.end)
    if set(query.metrics) <= GPUS_ONLY:
        return  # it was understood, and there is no GPU
    if not series and 'stage="interpreters"' in text:
        # some seconds of interpreting: too short for a rate, and its gauge goes with it
        counter, gauge = re.sub(r"rate\((.*?)\[20s\]\)", r"\1", text).split(" / ")
        series = run.prometheus.evaluate(counter, run.start, run.end)
        assert run.prometheus.evaluate(gauge, run.start, run.end), gauge
    assert series, text
    # a label whose value is empty is none to Prometheus: encoded videos have no reason
    assert query.legend <= {label for each in series for label in each["metric"]}


@pytest.mark.ray
@pytest.mark.cluster
def test_what_the_pools_did_adds_up(run: Watched) -> None:
    """Every actor is at one thing at a time, and the encoders did work."""
    data = run.prometheus.ask("query", query="ray_echoprime_actor_seconds_total", time=run.end)
    seconds: dict[str, dict[str, float]] = defaultdict(dict)
    for series in data["result"]:
        if series["metric"]["pipeline"] == "encode":
            seconds[series["metric"]["stage"]][series["metric"]["state"]] = float(series["value"][1])
    assert set(seconds) == {"readers", "encoders", "view_classifiers"}
    for stage, states in seconds.items():
        assert set(states) <= set(STATES), stage
    encoders = seconds["encoders"]  # one actor
    assert encoders.get("working", 0.0) + encoders.get("blocked", 0.0) > 0
    (wall,) = [record.wall["work"] for record in list_runs(run.output) if record.command == "encode"]
    # what a driver counts after its last report goes with it
    assert 0.5 * wall < sum(encoders.values()) < 1.1 * wall
    total = run.prometheus.ask("query", query="ray_echoprime_studies_total", time=run.end)["result"]
    assert {series["metric"]["pipeline"]: float(series["value"][1]) for series in total} == {
        "encode": STUDIES,
        "interpret": STUDIES,
    }


@pytest.mark.ray
@pytest.mark.cluster
def test_sessions_can_be_chosen(run: Watched) -> None:
    (variable,) = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    (metric, label) = VALUES.fullmatch(variable["query"]).groups()  # type: ignore[union-attr]
    found = run.prometheus.ask(f"label/{label}/values", **{"match[]": metric})
    assert len(found) == 1
    assert found[0].startswith("session_")
