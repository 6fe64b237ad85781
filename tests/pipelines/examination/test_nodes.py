"""What each node of a real Ray is asked to do, and what is said where it cannot."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from echoprime.archive import Entry
from echoprime.bundle import Bundle
from echoprime.storage import Location
from pipelines.examination.findings import Finding
from pipelines.examination.places import sampled_entries
from pipelines.examination.ray_cluster import SmallJob, clocks_finding, ray_findings
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncoderPools
from tests.tiny import write_tiny_bundle

pytestmark = pytest.mark.ray

EVERY = ["start", "versions", "clocks", "reading there", "encoding there", "memory", "object store"]


def found(job: SmallJob) -> dict[str, Finding]:
    return {finding.what: finding for finding in ray_findings(None, job)}


@pytest.mark.usefixtures("cluster")
def test_a_node_reads_and_encodes(bundle: Bundle, archive: Path) -> None:
    root = Location.parse(archive)
    job = SmallJob(pools=EncoderPools(encoders=1), bundle=bundle, archive=root, entries=sampled_entries(root))
    findings = found(job)
    assert list(findings) == EVERY
    assert {finding.state for finding in findings.values()} <= {"ok", "warning"}
    assert " of 3 clips in " in findings["reading there"].found
    assert "on cpu" in findings["encoding there"].found
    assert findings["memory"].found.count(" GB ") == 1
    assert "Smith" not in str(findings)


@pytest.mark.usefixtures("cluster")
def test_without_an_archive_a_drawn_loop_is_read(bundle: Bundle) -> None:
    findings = found(SmallJob(pools=EncoderPools(), bundle=bundle))
    assert ": 1 of 1 clips" in findings["reading there"].found


@pytest.mark.usefixtures("cluster")
def test_a_node_that_does_not_see_the_archive(bundle: Bundle, tmp_path: Path) -> None:
    entries = (Entry("SMITH^JOHN/1.dcm", 100, "1"), Entry("SMITH^JOHN/2.dcm", 100, "2"))
    findings = found(
        SmallJob(
            pools=EncoderPools(), bundle=bundle, archive=Location.parse(tmp_path / "away"), entries=entries
        )
    )
    reading = findings["reading there"]
    assert reading.state == "failure"
    assert ": 0 of 2 clips" in reading.found
    assert "SMITH" not in str(findings)


@pytest.mark.usefixtures("cluster")
def test_a_node_whose_copy_of_the_bundle_is_damaged(tmp_path: Path) -> None:
    broken = write_tiny_bundle(tmp_path / "broken")
    weights = broken.location.local_path / "encoder.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    encoding = found(SmallJob(pools=EncoderPools(), bundle=broken))["encoding there"]
    assert encoding.state == "failure"
    assert re.fullmatch(
        r"127\.0\.0\.1:\w+: self-check failed: the networks do not compute .* on another device",
        encoding.found,
    )


def test_actors_that_find_no_place(cluster: ClusterSize, bundle: Bundle) -> None:
    findings = found(SmallJob(pools=EncoderPools(encoders=50 * cluster.cores), bundle=bundle))
    assert findings["actors"].state == "failure"
    assert f"--encoders {50 * cluster.cores}" in findings["actors"].found


@pytest.mark.cluster
def test_each_node_of_two_has_its_lines(bundle: Bundle) -> None:
    """On nodes of their own, by the command."""
    import subprocess
    import sys

    from tests.cluster.ray_nodes import ray_nodes

    with ray_nodes(2, more={"PYTHONPATH": os.environ.get("PYTHONPATH", "")}) as nodes:
        words = ["--bundle", str(bundle.location), "--ray-address", nodes.gcs, "--encoders", "1"]
        answer = subprocess.run(
            [sys.executable, "-m", "pipelines", "doctor", *words],
            env={**os.environ, **nodes.environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    lines = answer.stdout.splitlines()
    for what in ("reading there", "encoding there"):
        assert len([line for line in lines if line.split()[1:3] == what.split()]) == 2, answer.stdout
    assert "the same on 2 nodes" in answer.stdout
    assert "GB on 2 nodes" in answer.stdout


def test_clocks_that_are_off_are_told() -> None:
    finding = clocks_finding({"a": 100.0, "b": 3700.0, "c": 101.0}, 100.0, 101.5)
    assert finding.state == "failure"
    assert finding.found == "b +3598 s"
    assert clocks_finding({"a": 100.0, "c": 99.0}, 100.0, 101.5).state == "ok"
