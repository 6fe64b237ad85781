"""Instances out of a real DICOMweb server: the bytes that are stored, and what goes wrong on the way."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from echoprime.archive import DicomwebListing
from echoprime.errors import ArchiveError, ReadError, Reason, UnreadableVideo
from echoprime.storage import Location, read_object
from echoprime.storage.dicomweb_reading import fetch_instance
from tests.dicomweb_archive import other_modality, with_frames
from tests.dicomweb_gateway import Answer, Gateway
from tests.dicomweb_server import DicomwebServer, running

pytestmark = pytest.mark.dicomweb


@pytest.fixture
def gateway(dicomweb_server: DicomwebServer) -> Iterator[Gateway]:
    with Gateway(dicomweb_server.address) as found:
        yield found


@pytest.fixture(scope="module")
def listed(dicomweb_server: DicomwebServer) -> dict[str, str]:
    """Path -> token."""
    return {
        entry.path: entry.token for entry in DicomwebListing(Location.parse_archive(dicomweb_server.address))
    }


def test_every_object_has_the_bytes_that_are_stored(
    dicomweb_server: DicomwebServer, dicomweb_files: Path, listed: dict[str, str]
) -> None:
    root = Location.parse_archive(dicomweb_server.address)
    for path, token in listed.items():
        stored = (dicomweb_files / path).read_bytes()
        assert read_object(root, path, size=0, token=token) == stored
        assert read_object(root, path, size=0, token="", most=len(stored)) == stored


def test_another_transfer_syntax_is_never_asked_for(gateway: Gateway, listed: dict[str, str]) -> None:
    """The server would send uncompressed pictures to whom names none: other bytes, and ten times as many."""
    path = next(iter(listed))
    stored = fetch_instance(gateway.address, path, "")
    gateway.answer = lambda _, given: Answer(406, {}, b"")
    with pytest.raises(ReadError, match="transfer syntax that they are stored in"):
        fetch_instance(gateway.address, path, "")
    assert b"1.2.840.10008.1.2.4.50" in stored[:1000]


def test_more_bytes_than_the_limit_are_not_taken(
    dicomweb_server: DicomwebServer, gateway: Gateway, dicomweb_files: Path, listed: dict[str, str]
) -> None:
    path = max(listed, key=lambda path: (dicomweb_files / path).stat().st_size)
    for told in (True, False):
        gateway.answer = lambda _, given, told=told: Answer(200, given.headers, given.body * 20, told=told)
        with pytest.raises(UnreadableVideo) as error:
            fetch_instance(gateway.address, path, "", most=100_000)
        assert error.value.reason is Reason.TOO_LARGE
    root = Location.parse_archive(dicomweb_server.address)
    stored = (dicomweb_files / path).stat().st_size
    assert len(read_object(root, path, size=0, token="", most=stored)) == stored
    with pytest.raises(UnreadableVideo, match=f"the limit is {stored - 1:,}"):
        read_object(root, path, size=0, token="", most=stored - 1)


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (Answer(404, {}, b"not here"), Reason.MISSING, "no longer there"),
        (Answer(410, {}, b""), Reason.MISSING, "no longer there"),
        (Answer(429, {}, b""), Reason.THROTTLED, "slow down"),
        (Answer(503, {}, b""), Reason.THROTTLED, "slow down"),
        (Answer(403, {}, b""), Reason.READ_ERROR, "refuses the credentials (403)"),
        (Answer(500, {}, b""), Reason.READ_ERROR, "answers 500"),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>"), Reason.READ_ERROR, "not a DICOMweb server's"),
        (Answer(200, {}, b""), Reason.READ_ERROR, "not a DICOMweb server's"),
    ],
)
def test_refusals(
    gateway: Gateway, listed: dict[str, str], answer: Answer, reason: Reason, said: str
) -> None:
    gateway.answer = lambda *_: answer
    with pytest.raises(ReadError, match=re.escape(said)) as error:
        fetch_instance(gateway.address, next(iter(listed)), "")
    assert error.value.reason is reason


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("left", [1, 4, 90, 1000, 10**9])
def test_a_body_that_is_cut_off_is_short(
    gateway: Gateway, listed: dict[str, str], told: bool, left: int
) -> None:
    """With a length that is told, and where the connection's end is the body's."""
    path = next(iter(listed))

    def answer(_: str, given: Answer) -> Answer:
        given.told, given.sent = told, max(len(given.body.rstrip()) - left, 0)
        return given

    gateway.answer = answer
    with pytest.raises(ReadError) as error:
        fetch_instance(gateway.address, path, "")
    assert error.value.reason is Reason.SHORT_READ


def test_what_passes_is_tried_again(gateway: Gateway, dicomweb_files: Path, listed: dict[str, str]) -> None:
    path, answers = next(iter(listed)), [Answer(503, {}, b""), Answer(500, {}, b"")]

    def answer(_: str, given: Answer) -> Answer:
        return answers.pop() if answers else given

    gateway.answer = answer
    root = Location.parse_archive(gateway.address)
    assert read_object(root, path, size=0, token=listed[path]) == (dicomweb_files / path).read_bytes()
    assert len(gateway.asked) == 3


def test_a_bare_object_is_taken_and_two_are_not(
    gateway: Gateway, dicomweb_files: Path, listed: dict[str, str]
) -> None:
    path = next(iter(listed))
    stored = (dicomweb_files / path).read_bytes()
    gateway.answer = lambda *_: Answer(200, {"Content-Type": "application/dicom"}, stored)
    assert fetch_instance(gateway.address, path, listed[path]) == stored
    for count in (0, 2):
        body = b"".join(b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n" + stored for _ in range(count))
        kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary="b"'}
        gateway.answer = lambda *_, body=body, kind=kind: Answer(200, kind, body + b"\r\n--b--\r\n")
        with pytest.raises(ReadError, match=f"sent {count} objects for one"):
            fetch_instance(gateway.address, path, "")


def test_another_object_is_not_taken(gateway: Gateway, listed: dict[str, str]) -> None:
    first, second = sorted(listed)[:2]
    (_, _, here), (study, series, there) = first.split("/"), second.split("/")
    wanted = f"/dicom-web/studies/{study}/series/{series}/instances/{there}"
    gateway.ask = lambda path: wanted if here in path else path
    with pytest.raises(ReadError, match="another object than was asked for") as error:
        fetch_instance(gateway.address, first, "")
    assert error.value.reason is Reason.CHANGED


def test_an_object_that_was_changed_since_it_was_listed(tmp_path: Path, dicomweb_files: Path) -> None:
    path = max(dicomweb_files.rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    with running(tmp_path) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        server.put(path.read_bytes())
        root = Location.parse_archive(server.address)
        (entry,) = DicomwebListing(root)
        server.put(with_frames(path.read_bytes(), 19))
        with pytest.raises(ReadError, match="NumberOfFrames is not what it was") as error:
            read_object(root, entry.path, size=0, token=entry.token)
        assert error.value.reason is Reason.CHANGED
        (again,) = DicomwebListing(root)
        assert again.path == entry.path
        assert again.token != entry.token
        assert read_object(root, again.path, size=0, token=again.token)


def test_refused_credentials(dicomweb_server: DicomwebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHOPRIME_DICOMWEB_PASSWORD", "hunter2")
    with pytest.raises(ArchiveError, match=r"refuses the credentials \(401\)") as error:
        list(DicomwebListing(Location.parse_archive(dicomweb_server.address)))
    assert "hunter2" not in str(error.value)


def test_an_object_that_vanished(dicomweb_server: DicomwebServer, dicomweb_files: Path) -> None:
    path = next(path for path in sorted(dicomweb_files.rglob("*")) if path.is_file())
    stored = dicomweb_server.put(other_modality(path.read_bytes(), "US", new_study=True))
    root = Location.parse_archive(dicomweb_server.address)
    known = {str(path.relative_to(dicomweb_files)) for path in dicomweb_files.rglob("*")}
    (entry,) = (entry for entry in DicomwebListing(root) if entry.path not in known)
    dicomweb_server.remove(stored)
    with pytest.raises(ReadError) as error:
        read_object(root, entry.path, size=0, token=entry.token)
    assert error.value.reason is Reason.MISSING


def test_a_certificate_of_an_own_authority(
    dicomweb_server: DicomwebServer, listed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not trusted as it is, trusted once REQUESTS_CA_BUNDLE names its authority."""
    certificate = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", tmp_path / "key.pem", "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "key.pem").read_bytes() + certificate.read_bytes())
    with Gateway(dicomweb_server.address, certificate=both) as gateway:
        assert gateway.address.startswith("dicomweb://")
        root = Location.parse_archive(gateway.address)
        with pytest.raises(ArchiveError, match="not trusted; name its CA by REQUESTS_CA_BUNDLE"):
            root.require_reachable("archive", ArchiveError)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert {entry.path: entry.token for entry in DicomwebListing(root)} == listed
