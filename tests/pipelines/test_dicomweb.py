"""The jobs on a DICOMweb archive: the same rows as from a folder, and no identifier in what they say."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.errors import UserError
from echoprime.storage import Location
from echoprime.storage.dicomweb_address import CREDENTIALS
from pipelines.cli import main
from pipelines.encode import encode
from pipelines.examination.doctor import examine
from pipelines.interpret import interpret
from pipelines.manifest import list_archive
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncodeSettings, InterpretSettings, ManifestSettings
from pipelines.settings.cluster import DoctorSettings
from tests.dicomweb_archive import PATIENTS, STUDIES, VIDEOS
from tests.dicomweb_server import DicomwebServer
from tests.rows import PER_RUN, rows

COMMAND = [str(Path(sys.executable).parent / "echoprime")]
NOBODY = "dicomweb+http://127.0.0.1:1/rs"
"""A service where nothing listens."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (f"manifest {NOBODY} m.parquet", "cannot be reached"),
        ("manifest dicomweb://reader:hunter2@pacs/rs m.parquet", "ECHOPRIME_DICOMWEB_PASSWORD"),
        ("manifest dicomweb:///rs m.parquet", "give dicomweb://host[:port]/path"),
        (f"manifest {NOBODY} m.parquet --study-dates 2024", "--study-dates 2024: write YYYYMMDD-YYYYMMDD"),
        (f"manifest {NOBODY} m.parquet --study-dates 20240230-", "--study-dates 20240230-"),
        (f"manifest {NOBODY} m.parquet --study-dates 20240201-20240101", "--study-dates"),
        (f"manifest {NOBODY} m.parquet --modalities u/s", "--modalities U/S: no DICOM modality"),
        (f"manifest {NOBODY} m.parquet --modalities ,", "--modalities is empty"),
        (f"manifest {NOBODY} m.parquet --studies gone.csv", "gone.csv"),
        (f"manifest {NOBODY} m.parquet --study-from mimic-iv-echo", "is made of files"),
        ("manifest . m.parquet --study-dates 20240101-", "--study-dates: searches a dicomweb:// archive"),
        ("manifest . m.parquet --modalities CT", "--modalities: searches a dicomweb:// archive"),
        ("manifest . m.parquet --studies gone.csv", "--studies: searches a dicomweb:// archive"),
        (f"manifest . {NOBODY}", "an archive to read only"),
        (f"encode --manifest m.parquet --bundle b --output {NOBODY}", "b"),
        (f"status {NOBODY}", "an archive to read only"),
    ],
)
def test_a_mistake_is_one_line(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert "hunter2" not in line
    assert not list(tmp_path.iterdir())


def test_doctor_tells_that_nothing_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    assert examine(DoctorSettings(archive=NOBODY, ray_address="127.0.0.1:9")) == 2
    page = " ".join(capsys.readouterr().out.split())
    assert "no credentials in the environment" in page
    assert "cannot be reached" in page


@pytest.mark.dicomweb
def test_doctor(dicomweb_server: DicomwebServer, capsys: pytest.CaptureFixture[str]) -> None:
    examine(DoctorSettings(archive=dicomweb_server.address, ray_address="127.0.0.1:9"))
    page = " ".join(capsys.readouterr().out.split())
    assert "ECHOPRIME_DICOMWEB_USER set, ECHOPRIME_DICOMWEB_PASSWORD set" in page
    assert f"{VIDEOS} objects" in page
    assert "3 objects read" in page
    assert dicomweb_server.password not in page
    assert not any(patient in page for patient in PATIENTS)


@pytest.mark.ray
@pytest.mark.dicomweb
def test_a_service_gives_the_rows_of_the_same_files_in_a_folder(
    dicomweb_server: DicomwebServer,
    dicomweb_files: Path,
    cluster: ClusterSize,
    bundle: Bundle,
    tmp_path: Path,
) -> None:
    found = {}
    for name, archive in (("service", dicomweb_server.address), ("folder", str(dicomweb_files))):
        manifest, output = tmp_path / f"{name}.parquet", tmp_path / name
        list_archive(ManifestSettings(archive=archive, manifest=str(manifest), study_from="dicom"))
        settings = EncodeSettings(
            manifest=str(manifest), bundle=str(bundle.location), output=str(output), progress=False
        )
        result = encode(settings)
        assert result.outcomes == {
            ("encoded", ""): VIDEOS - 2,
            ("skipped", "still"): 1,
            ("failed", "not_decodable"): 1,
        }
        assert encode(settings).nothing_to_do
        interpret(InterpretSettings(bundle=str(bundle.location), output=str(output), progress=False))
        of_content = PER_RUN | {"study_key"}
        found[name] = (
            [_without_versions(row) for row in rows(output / "encodings", leave_out=of_content)],
            rows(output / "interpretations" / "default", leave_out=of_content | {"interpreted_at"}),
        )
    assert len(found["service"][0]) == STUDIES
    assert {row["patient_id"] for row in found["service"][0]} == set(PATIENTS)
    assert found["service"] == found["folder"]


def _without_versions(row: dict) -> dict:
    """A service tells no sizes, and its tokens are of another kind; paths are laid out alike."""
    videos = [{**video, "size": 0, "token": ""} for video in row["videos"]]
    return {name: value for name, value in row.items() if not name.endswith("_seconds")} | {"videos": videos}


@pytest.mark.ray
@pytest.mark.dicomweb
def test_a_video_above_the_limit_fails_and_a_page_shows_the_others(
    dicomweb_server: DicomwebServer,
    dicomweb_files: Path,
    cluster: ClusterSize,
    bundle: Bundle,
    tmp_path: Path,
) -> None:
    """The limit is met while the bytes arrive: no size is listed. A page reads the archive again."""
    sizes = sorted(path.stat().st_size for path in dicomweb_files.rglob("*") if path.is_file())
    manifest, output = tmp_path / "m.parquet", tmp_path / "out"
    list_archive(ManifestSettings(archive=dicomweb_server.address, manifest=str(manifest)))
    settings = EncodeSettings(
        manifest=str(manifest),
        bundle=str(bundle.location),
        output=str(output),
        max_bytes=sizes[-2],
        progress=False,
    )
    assert encode(settings).outcomes["failed", "too_large"] == 1
    study = next(row for row in rows(output / "encodings") if len(row["videos"]) == 1)
    page = tmp_path / "page.html"
    assert (
        main(["view", str(output), "--study", study["study_id"], "--page", str(page), "--deidentified"]) == 0
    )
    assert "<video" in page.read_text()


@pytest.mark.ray
@pytest.mark.dicomweb
def test_a_run_of_some_studies_says_no_identifier_and_no_secret(
    dicomweb_server: DicomwebServer, dicomweb_files: Path, bundle: Bundle, tmp_path: Path
) -> None:
    studies = sorted(folder.name for folder in dicomweb_files.iterdir())[:2]
    with (tmp_path / "some.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["study_id"], *([study] for study in studies), ["1.2.3.4"]])
    words = ["run", "--archive", dicomweb_server.address, "--bundle", str(bundle.location)]
    words += ["--output", str(tmp_path / "out"), "--studies", str(tmp_path / "some.csv")]
    words += ["--modalities", "US,IVUS", "--study-dates", "19990101-"]
    environment = {**os.environ, **dicomweb_server.environment()}
    answer = subprocess.run(
        [*COMMAND, *words], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    said = answer.stdout + answer.stderr
    assert answer.returncode == 0, said
    assert "2 studies" in said
    assert "1 studies that are asked for are not there" in said
    uids = {part for path in dicomweb_files.rglob("*") for part in path.relative_to(dicomweb_files).parts}
    assert not [word for word in (*PATIENTS, *uids, "1.2.3.4", dicomweb_server.password) if word in said]
    assert {row["study_id"] for row in rows(tmp_path / "out" / "encodings")} == set(studies)
    kept = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if dicomweb_server.password.encode() in path.read_bytes()]


@pytest.mark.dicomweb
def test_a_service_that_refuses_stops_encode_before_ray(
    dicomweb_server: DicomwebServer, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "m.parquet"
    list_archive(ManifestSettings(archive=dicomweb_server.address, manifest=str(manifest)))
    monkeypatch.setenv("ECHOPRIME_DICOMWEB_PASSWORD", "wrong")
    settings = EncodeSettings(
        manifest=str(manifest), bundle=str(bundle.location), output=str(tmp_path / "out")
    )
    with pytest.raises(UserError, match=r"refuses the credentials \(401\)"):
        encode(settings)
    assert not Location.parse(tmp_path / "out").exists()
