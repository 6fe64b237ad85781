"""`echoprime doctor`: what it finds on this machine, and in places that are and are not fit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.errors import UserError
from echoprime.storage import Location
from pipelines.examination.findings import Finding
from pipelines.examination.machine import machine_findings
from pipelines.examination.places import archive_findings, bundle_findings, output_findings, s3_findings
from pipelines.examination.ray_cluster import ray_findings
from pipelines.ray_session import ClusterSize
from tests.s3_server import S3Server
from tests.tiny import write_tiny_bundle

COMMAND = str(Path(sys.executable).parent / "echoprime")


def states(findings: Iterable[Finding]) -> dict[str, str]:
    return {finding.what: finding.state for finding in findings}


def test_this_machine_has_no_failure() -> None:
    found = states(machine_findings())
    assert "failure" not in found.values()
    assert {"packages", "cores", "memory", "/dev/shm", "GPU", "OpenCV", "FFmpeg", "imagecodecs"} <= set(found)


def test_a_bundle(bundle: Bundle, tmp_path: Path) -> None:
    found = states(bundle_findings(str(bundle.location), "cpu"))
    assert found == {"contents": "ok", "files": "ok", "weights": "warning", "sample": "ok"}
    broken = write_tiny_bundle(tmp_path / "broken").location.local_path
    weights = broken / "encoder.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    findings = bundle_findings(str(broken), "cpu")
    assert next(findings).state == "ok"
    with pytest.raises(UserError, match=r"encoder\.safetensors: SHA-256 differs"):
        next(findings)


def test_an_archive(archive: Path, tmp_path: Path) -> None:
    assert states(archive_findings(str(archive))) == {"listing": "ok", "reading": "ok"}
    (tmp_path / "notes.txt").write_text("no loops")
    (finding,) = archive_findings(str(tmp_path))
    assert finding.state == "failure"


def test_objects_that_cannot_be_read_are_counted_without_their_names(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between listing and reading the files go: names of patients stay out of what is said."""
    folder = tmp_path / "Smith^John"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"x" * 200)
    findings = archive_findings(str(tmp_path))
    assert next(findings).state == "ok"
    (folder / "1.dcm").unlink()
    reading = next(findings)
    assert reading.state == "failure"
    assert "1 of 1 objects" in reading.found
    assert "Smith" not in reading.found


def test_an_output_is_left_as_it_was(place: Location) -> None:
    output = place / "deep" / "out"
    assert states(output_findings(str(output)))["commit"] == "ok"
    if output.is_local:
        assert not output.exists()
    else:  # this server shows a folder where an object was
        assert not [path for path in output.filesystem.find(output.path) if ".doctor-" in path]


@pytest.mark.s3
def test_s3_settings_without_secrets(s3_server: S3Server, s3_location: Location) -> None:
    findings = list(s3_findings([s3_location]))
    assert states(findings) == {"settings": "ok", "bucket": "ok", "clock": "ok"}
    said = " ".join(finding.found for finding in findings)
    assert s3_server.secret not in said
    assert s3_server.endpoint in said
    assert states(s3_findings([Location.parse("s3://no-such-bucket/x")]))["bucket"] == "failure"


@pytest.mark.ray
def test_ray(cluster: ClusterSize) -> None:
    assert states(ray_findings(None)) == {"start": "ok", "versions": "ok", "object store": "ok"}


@pytest.mark.ray
def test_the_page_and_its_exit_code(archive: Path, bundle: Bundle, tmp_path: Path) -> None:
    words = ["doctor", "--bundle", str(bundle.location), "--archive", str(archive)]
    answer = subprocess.run(
        [COMMAND, *words, "--output", str(tmp_path / "out")],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert ", 0 failure" in answer.stdout
    assert not (tmp_path / "out").exists()
    answer = subprocess.run(
        [COMMAND, *words, "--output", "/proc/x", "--ray-address", "127.0.0.1:9"],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert answer.returncode == 2
    failures = [line.split()[1] for line in answer.stdout.splitlines() if line.startswith("failure")]
    assert failures == ["room", "commit", "Ray"]
    assert "no Ray at 127.0.0.1:9" in " ".join(answer.stdout.split())
    assert "Traceback" not in answer.stderr
