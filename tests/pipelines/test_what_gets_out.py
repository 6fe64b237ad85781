"""What a run shows to others: no identifier in its words, no secret anywhere, sockets on loopback alone."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from tests.process_tree import Watched, watch
from tests.s3_server import SECRET, S3Server
from tests.tiny import small_loop

pytestmark = [pytest.mark.ray, pytest.mark.slow]

NAME, PATIENT, ACCESSION, DATE = "Quagga^Zebrafish", "PID7734911", "ACC5521877", "19470823"
UNASKED = {"HOSPITAL_API_TOKEN": "hunter-of-okapis", "ECHOPRIME_DICOMWEB_PASSWORD": "okapi-password"}
"""Secrets that a shell holds and no command needs."""

IN_HEADERS = {
    "PatientName": NAME, "PatientID": PATIENT, "AccessionNumber": ACCESSION, "StudyDate": DATE,
    "PatientBirthDate": DATE, "InstitutionName": "Okapi Clinic", "OperatorsName": "Tapir^Anna",
    "StudyDescription": "Zebrafish, follow-up",
}  # fmt: skip
NEVER_SAID = ("quagga", "zebrafish", PATIENT.lower(), ACCESSION.lower(), DATE, "okapi", "tapir")
NEVER_KEPT = ("quagga^", ACCESSION.lower(), "okapi", "tapir", "follow-up")
"""Of these, what no table holds either; paths, with the names in them, and PatientID are kept in tables."""


@dataclass(frozen=True)
class Ran:
    """Commands that were run, and where they wrote."""

    commands: dict[str, Watched]
    output: Location
    sessions: Path
    """Ray's own logs and state."""


def named_loop(number: int, study: int) -> bytes:
    """A loop with everything in its header that must not get out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(small_loop(number)))
        for keyword, value in IN_HEADERS.items():
            setattr(dataset, keyword, value)
        dataset.StudyInstanceUID = f"1.2.826.0.1.{study}"
        file = pydicom.filebase.DicomBytesIO()
        dataset.save_as(file)
    return file.getvalue()


def fill(archive: Location) -> None:
    """Good, damaged, empty and odd files, in folders that are named by their patient."""
    folder = archive / "Quagga_Zebrafish_19470823"
    good = [named_loop(number, number // 2) for number in range(6)]
    for number, data in enumerate(good):
        (folder / f"zebrafish{number}.dcm").write_bytes(data)
    (folder / "zebrafish cut.dcm").write_bytes(good[0][:-9_000])
    (folder / "zebrafish header.dcm").write_bytes(good[1][:700])
    (folder / "zebrafish flipped.dcm").write_bytes(good[2].replace(b"\xff\xd8", b"\xff\x00"))
    (folder / "zebrafish empty.dcm").write_bytes(b"")
    (folder / "zebrafish.zip").write_bytes(b"PK\x03\x04 Quagga^Zebrafish")


@pytest.fixture(scope="module", params=["folder", pytest.param("bucket", marks=pytest.mark.s3)])
def ran(
    request: pytest.FixtureRequest,
    s3_server: S3Server,
    bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ran]:
    """manifest, encode, interpret, status and doctor, as a user runs them, on a folder and on a bucket."""
    if request.param == "bucket":
        place = Location.parse(f"s3://{s3_server.make_bucket()}/work")
    else:
        place = Location.parse(tmp_path_factory.mktemp("work"))
    archive, output = place / "archive", place / "out"
    fill(archive)
    if archive.is_local:
        (archive.local_path / "Quagga_Zebrafish_19470823" / "zebrafish link.dcm").symlink_to("/zebrafish")
        (archive.local_path / "zebrafish out.dcm").symlink_to("/etc/hostname")
    # short: the names of Ray's own sockets have an end
    sessions = Path(tempfile.mkdtemp(prefix="ep-ray-"))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RAY_"))},
        **s3_server.environment(),
        **UNASKED,
        "RAY_TMPDIR": str(sessions),
        "ECHOPRIME_CACHE": str(sessions / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    manifest = str(output / "manifest.parquet")
    jobs = ("--bundle", str(bundle.location), "--output", str(output))
    commands = {
        "manifest": ["manifest", str(archive), manifest, "--study-from", "dicom"],
        "encode": ["encode", "--manifest", manifest, *jobs],
        "interpret": ["interpret", *jobs],
        "status": ["status", str(output)],
        "doctor": ["doctor", *jobs, "--archive", str(archive)],
    }
    folder, watched = tmp_path_factory.mktemp("what gets out"), {}
    for name, words in commands.items():
        watched[name] = watch([sys.executable, "-m", "pipelines", *words], environment, folder)
        if name == "manifest":
            # one object is gone, one is another, when they are read
            (archive / "Quagga_Zebrafish_19470823" / "zebrafish4.dcm").remove()
            (archive / "Quagga_Zebrafish_19470823" / "zebrafish5.dcm").write_bytes(named_loop(9, 2))
    yield Ran(watched, output, sessions)
    shutil.rmtree(sessions, ignore_errors=True)


def test_the_commands_did_their_work(ran: Ran) -> None:
    """Else nothing below would be shown."""
    codes = {name: watched.code for name, watched in ran.commands.items()}
    said = {name: watched.output for name, watched in ran.commands.items()}
    assert codes["manifest"] == codes["status"] == 0, said
    assert codes["encode"] == 3, said
    assert codes["interpret"] in (0, 3), said
    for words in ("missing", "changed", "not_decodable", "empty"):
        assert words in said["encode"]
    kept = everything_kept(ran.output)
    assert PATIENT.lower() in kept
    assert "zebrafish0.dcm" in kept
    assert any("gcs_server" in line for line in ran.commands["encode"].command_lines)
    assert ran.commands["encode"].sockets
    assert any(path.suffix == ".log" for path in ran.sessions.rglob("*"))


def test_no_identifier_is_said(ran: Ran) -> None:
    for name, watched in ran.commands.items():
        found = [each for each in NEVER_SAID if each in watched.output.lower()]
        assert not found, (name, watched.output)
        lines = "\n".join(watched.command_lines).lower()
        assert not [each for each in NEVER_SAID if each in lines], name


def test_no_identifier_is_in_rays_files(ran: Ran) -> None:
    for path, text in texts(ran.sessions):
        found = [each for each in NEVER_SAID if each in text]
        assert not found, path


def test_no_identifier_but_ids_and_paths_is_kept(ran: Ran) -> None:
    kept = everything_kept(ran.output)
    assert not [each for each in NEVER_KEPT if each in kept]
    records = "".join(
        (ran.output / path).read_bytes().decode().lower()
        for path in ran.output.files()
        if path.endswith(("run.json", ".jsonl"))
    )
    assert '"exit_code"' in records
    assert not [each for each in NEVER_SAID if each in records]


def test_no_secret_is_anywhere(ran: Ran) -> None:
    secrets = [SECRET, *UNASKED.values()]
    kept = everything_kept(ran.output)
    shown = {
        name: watched.output + "\n".join(watched.command_lines) for name, watched in ran.commands.items()
    }
    for secret in secrets:
        assert secret not in kept
        assert not [name for name, text in shown.items() if secret in text]
        assert not [path for path, text in texts(ran.sessions) if secret in text]


def test_everything_listens_on_loopback(ran: Ran) -> None:
    for name, watched in ran.commands.items():
        assert not watched.not_loopback, name


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every plain file below a folder, as text in lower case."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes().decode("utf-8", "replace").lower()


def everything_kept(output: Location) -> str:
    """Every file below an output: Parquet decoded, everything else as text; in lower case."""
    import pyarrow.parquet as pq

    found = []
    for path in output.files():
        place = output / path
        if path.endswith(".parquet"):
            table = pq.read_table(place.path, filesystem=place.arrow_filesystem)
            names = [name for name in table.schema.names if name not in ("embeddings", "view_probabilities")]
            found.append(str(table.select(names).to_pylist()))
        found.append(place.read_bytes().decode("utf-8", "replace"))
    return "\n".join(found).lower()
