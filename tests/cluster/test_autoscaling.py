"""A cluster that grows: Ray's real autoscaler, whose machines are processes here, and readers that follow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from echoprime.bundle import Bundle
from echoprime.demonstration import DRAWN_VIEWS, draw_loop, loop_to_dicom
from echoprime.storage import Location
from echoprime.tables import list_runs
from tests.cluster.ray_nodes import RayNodes, ray_nodes
from tests.rows import rows

pytestmark = [pytest.mark.ray, pytest.mark.cluster]

STUDIES = 500
"""More than a minute of reading: a node takes ten seconds to come, its readers as long to start."""

STORE_BYTES = 1_000_000_000
"""What bounds the readers must be their cores: in a small store it is what they may hand on."""

SOON = {"RAY_DATA_MIN_GAP_BETWEEN_AUTOSCALING_REQUESTS": "2"}
"""Ray Data asks for nodes every ten seconds otherwise."""


def alive(nodes: RayNodes) -> int:
    """How many nodes the cluster has now."""
    token = Path(nodes.environment["RAY_AUTH_TOKEN_PATH"]).read_text()
    try:
        answer = requests.get(
            f"{nodes.jobs}/nodes?view=summary", headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
        found = answer.json()["data"]["summary"]
    except requests.RequestException:  # it has too much to do
        return 0
    return sum(node["raylet"]["state"] == "ALIVE" for node in found)


def test_readers_grow_with_the_nodes_that_come(bundle: Bundle, tmp_path: Path) -> None:
    """Large loops before a network of two blocks: reading is what it waits for."""
    loop = loop_to_dicom(draw_loop(DRAWN_VIEWS[0], 60.0, seed=1, frames=60, rows=600, columns=800))
    first = tmp_path / "first.dcm"
    first.write_bytes(loop)
    for study in range(STUDIES):
        folder = tmp_path / "archive" / f"study-{study:03d}"
        folder.mkdir(parents=True)
        (folder / "1.dcm").hardlink_to(first)
    most_nodes = 0
    with ray_nodes(1, cores=3, most=1, store=STORE_BYTES) as nodes:
        assert alive(nodes) == 1
        job = subprocess.Popen(
            [
                *(sys.executable, "-m", "pipelines", "run", "--archive", tmp_path / "archive"),
                *("--bundle", bundle.location.local_path, "--output", tmp_path / "out"),
                *("--ray-address", nodes.gcs, "--readers", "1", "--max-readers", "4"),
                *("--encoders", "1", "--view-classifiers", "1"),
            ],
            env={**os.environ, **nodes.environment, **SOON},
        )
        try:
            while job.poll() is None:
                most_nodes = max(most_nodes, alive(nodes))
                time.sleep(1)
        finally:
            job.kill()
            job.wait()
    assert job.returncode == 0
    assert most_nodes == 2
    (record,) = [
        record for record in list_runs(Location.parse(tmp_path / "out")) if record.command == "encode"
    ]
    readers = record.pools["readers"]
    assert (readers["actors"], readers["most"]) == (1, 4), json.dumps(readers)
    assert readers["most_actors"] > 2  # more than the first node has room for
    assert 1 < readers["mean_actors"] <= readers["most_actors"]
    assert record.pools["encoders"]["actors"] == 1
    assert "mean_actors" not in record.pools["encoders"]
    done = rows(tmp_path / "out" / "encodings")
    assert len(done) == STUDIES
