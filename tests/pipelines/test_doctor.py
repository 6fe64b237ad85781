"""`echoprime doctor`: what it finds on this machine, and in places that are and are not fit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.errors import UserError
from echoprime.storage import Location
from pipelines.cli import main
from pipelines.examination import doctor
from pipelines.examination.findings import Finding
from pipelines.examination.machine import installed_packages, machine_findings, shared_memory
from pipelines.examination.places import archive_findings, bundle_findings, output_findings, s3_findings
from pipelines.examination.ray_cluster import ray_findings, versions_finding
from pipelines.ray_session import ClusterSize
from tests.s3_server import S3Server
from tests.tiny import write_tiny_bundle


def states(findings: Iterable[Finding]) -> dict[str, str]:
    return {finding.what: finding.state for finding in findings}


def test_this_machine_has_no_failure() -> None:
    findings = list(machine_findings())
    found = states(findings)
    assert "failure" not in found.values()
    assert {"packages", "cores", "memory", "/dev/shm", "GPU", "OpenCV", "FFmpeg", "imagecodecs"} <= set(found)
    (tested,) = [finding for finding in findings if finding.what == "tested versions"]
    assert "constraints.txt" in tested.found or tested.state == "warning"
    assert "not compared" not in tested.found


@pytest.mark.parametrize(("features", "said"), [({"amx_bf16": True}, "works"), ({}, "float32 on cores")])
def test_bf16_is_told(monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], said: str) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: features)
    (finding,) = [finding for finding in machine_findings() if finding.what == "bf16"]
    assert (finding.state, said in finding.found) == ("ok", True)


def test_shared_memory_is_what_ray_wants_of_it() -> None:
    gib = 1 << 30
    sizes = {(0, 1), (2, 8), (3, 8), (4, 16), (5, 16), (4, 64), (9, 64), (10, 64), (24, 64), (4, 512)}
    fit = {size for size in sizes if shared_memory(size[0] * gib, size[1] * gib).state == "ok"}
    assert fit == {(3, 8), (5, 16), (10, 64), (24, 64)}
    assert "--shm-size=10g" in shared_memory(4 * gib, 64 * gib).cure


def test_builds_of_one_version_are_the_same_version() -> None:
    here = installed_packages()
    gpu, cpu = ({**here, "torch": f"{here['torch'].split('+')[0]}{build}"} for build in ("", "+cpu"))
    assert versions_finding({"a": gpu, "b": cpu}, "the driver").state == "ok"
    other = versions_finding({"a": here, "b": {**here, "torch": "2.0.0"}}, "the driver")
    assert other.state == "failure"
    assert "b torch 2.0.0" in other.found


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
    found = states(output_findings(str(output)))
    assert (found["commit"], found["conditional put"]) == ("ok", "ok")
    if output.is_local:
        assert not output.exists()
    else:  # this server shows a folder where an object was
        assert not [path for path in output.filesystem.find(output.path) if ".doctor-" in path]


def test_an_output_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for output in (file, file / "out"):
        with pytest.raises(UserError, match=r"--output .*(is a file; give a folder|is not a folder)"):
            list(output_findings(str(output)))
    assert file.read_text() == "x"


@pytest.mark.s3
def test_keys_that_may_not_delete(
    s3_server: S3Server, s3_location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{s3_location.bucket}/*",
    }  # fmt: skip
    s3_server.client().put_bucket_policy(
        Bucket=s3_location.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.member)
    finding, _ = output_findings(str(s3_location))
    assert (finding.state, finding.what) == ("failure", "removal")
    assert "must delete" in finding.cure


def test_a_check_that_breaks_is_a_failure_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(named: str) -> Iterable[Finding]:
        yield from ()
        raise ValueError(f"{named}/Smith^John.dcm is odd")

    def denied(named: str) -> Iterable[Finding]:
        yield from ()
        raise PermissionError(13, "Permission denied", f"{named}/Smith^John")

    monkeypatch.setattr(doctor, "archive_findings", broken)
    monkeypatch.setattr(doctor, "output_findings", denied)
    monkeypatch.setattr(doctor, "ray_findings", lambda address, job: broken(str(address)))
    assert main(["doctor", "--archive", str(tmp_path), "--output", str(tmp_path)]) == 2
    failures = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failure")]
    assert failures[0].split() == ["failure", "archive", "ValueError"]
    assert failures[1].split() == ["failure", "output", "PermissionError:", "Permission", "denied"]
    assert failures[2].split()[:3] == ["failure", "Ray", "ValueError:"]


@pytest.mark.s3
def test_a_password_in_the_endpoint_is_not_shown(
    s3_server: S3Server, s3_location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    for endpoint in (s3_server.endpoint.replace("//", "//user:se/kret@"), "http://user:se/kret@127.0.0.1:9",
                     "user:se/kret@127.0.0.1:9"):  # fmt: skip
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        findings = list(s3_findings([s3_location]))
        assert [finding.what for finding in findings] == ["settings", "bucket", "clock"]
        said = str(findings)
        assert "kret" not in said
        assert "user" not in said
        assert "127.0.0.1" in said


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
    assert states(ray_findings(None)) == {"start": "ok", "versions": "ok", "clocks": "ok"}


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_the_page_and_its_exit_code(
    archive: Path, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["doctor", "--bundle", str(bundle.location), "--archive", str(archive)]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    assert ", 0 failure" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert main([*words, "--output", "/proc/x", "--ray-address", "127.0.0.1:9"]) == 2
    page = capsys.readouterr().out
    failures = [line.split()[1] for line in page.splitlines() if line.startswith("failure")]
    assert failures == ["room", "commit", "Ray"]
    assert "no Ray at 127.0.0.1:9" in " ".join(page.split())
