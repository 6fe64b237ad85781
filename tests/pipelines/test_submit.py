"""What `echoprime submit` checks before it asks any cluster."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from echoprime.errors import BundleError, SettingError
from echoprime.storage import Location
from pipelines import settings
from pipelines.commands import app
from pipelines.configuration import take_configuration
from pipelines.examination.machine import installed_packages
from pipelines.submission.checks import NodePackages, check_places
from pipelines.submission.package import staged_package
from pipelines.submission.words import PLACES, read_command
from tests.tiny import write_tiny_bundle

RUN = ["run", "--archive", "s3://a/x", "--bundle", "s3://a/b/", "--output", "s3://a/o"]


def test_defaults_are_left_out_and_the_rest_is_said_in_full() -> None:
    sent = read_command([*RUN, "--no-progress", "--limit", "3", "--k", "50", "--pairing=position"])
    assert sent.name == "run"
    assert sent.words == (
        "run", "--archive=s3://a/x", "--bundle=s3://a/b", "--output=s3://a/o", "--limit=3",
        "--pairing=position", "--no-progress", "--ray-address=auto",
    )  # fmt: skip
    assert {name: str(place) for name, place in sent.places.items()} == {
        "archive": "s3://a/x",
        "bundle": "s3://a/b",
        "output": "s3://a/o",
    }


def test_what_is_written_is_read_as_the_same_settings() -> None:
    sent = read_command([*RUN, "--limit", "3", "--study-from", "dicom"])
    assert read_command(sent.words[:-1]).words == sent.words


def test_relative_folders_and_arguments_become_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_command(["status", "out"]).words == ("status", f"{tmp_path}/out")
    assert read_command(["manifest", "a", "m.parquet"]).words == (
        "manifest", f"{tmp_path}/a", f"{tmp_path}/m.parquet",
    )  # fmt: skip
    assert read_command(["bundle", "check", "b"]).words == ("bundle", "check", f"{tmp_path}/b")


def test_settings_that_are_no_places_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place is known by its setting's name: a slash makes none, and a place needs none."""
    monkeypatch.chdir(tmp_path)
    sent = read_command(
        ["population", "--output", "s3://b/o", "--cohort", "cohort.csv", "--date-format", "%d/%m/%Y",
         "--known", "ejection_fraction=ef/hand", "--by", "sex,site/ward"]
    )  # fmt: skip
    assert {"--date-format=%d/%m/%Y", "--known=ejection_fraction=ef/hand", "--by=sex,site/ward"} < set(
        sent.words
    )
    assert {name: str(place) for name, place in sent.places.items()} == {
        "output": "s3://b/o",
        "cohort": f"{tmp_path}/cohort.csv",
    }
    assert "--study=site/p1" in read_command(["view", "s3://b/o", "--study", "site/p1"]).words
    assert read_command(["compare", "one", "s3://b/two"]).words == (
        "compare",
        f"{tmp_path}/one",
        "s3://b/two",
    )
    assert f"--study-from={tmp_path}/s.csv" in read_command([*RUN, "--study-from", "s.csv"]).words
    assert set(read_command([*RUN, "--study-from", "dicom"]).places) == {"archive", "bundle", "output"}
    listed = read_command(["manifest", "dicomweb://PACS/rs/", "s3://b/m", "--study-dates", "20240101-"])
    assert {"dicomweb://pacs/rs", "--study-dates=20240101-"} < set(listed.words)
    assert set(listed.places) == {"archive", "manifest"}
    built = ["candidates", "build", "--bundle", "s3://b/b", "--encodings", "out", "--reports", "r.csv", "c"]
    assert set(read_command(built).places) == {"bundle", "encodings", "reports", "candidates"}


def test_every_setting_is_known_as_a_place_or_as_none() -> None:
    """A new setting has to be named here or in PLACES."""
    texts = {
        field.name
        for name in settings.__all__
        if dataclasses.is_dataclass(job := getattr(settings, name))
        for field in dataclasses.fields(job)
        if field.type in ("str", "str | None")
    }
    no_places = {"address", "again", "by", "date_format", "embedding_space", "ignore", "job", "language",
                 "mirror", "name", "names", "patient", "population", "python", "ray_address", "run",
                 "section", "set", "study", "study_dates", "study_from", "text", "threshold"}  # fmt: skip
    assert texts - PLACES == no_places
    assert texts >= PLACES


@pytest.mark.s3
def test_what_a_command_makes_need_not_be_there(s3_location: Location) -> None:
    (s3_location / "archive" / "1.dcm").write_bytes(b"x")
    archive, manifest = str(s3_location / "archive"), str(s3_location / "manifest.parquet")
    assert check_places(read_command(["manifest", archive, manifest]), shared=False) == []
    with pytest.raises(SettingError, match=r"--manifest .*: nothing is there"):
        check_places(
            read_command(
                ["encode", "--manifest", manifest, "--bundle", archive, "--output", str(s3_location / "out")]
            ),
            shared=False,
        )


def test_a_configuration_file_stays_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nodes do not have it: its settings are in the words."""
    file = tmp_path / "echoprime.toml"
    file.write_text('archive = "s3://a/x"\nbundle = "s3://a/b"\noutput = "s3://a/o"\nlimit = 5\n')
    words, configuration = take_configuration(["run", "--config", str(file), "--limit", "6"])
    monkeypatch.setattr(app, "config", configuration)
    assert read_command(words).words == (
        "run", "--archive=s3://a/x", "--bundle=s3://a/b", "--output=s3://a/o", "--limit=6",
        "--ray-address=auto",
    )  # fmt: skip


@pytest.mark.parametrize("words", [[], ["demo"], ["submit", "--address", "http://h:1"], ["jobs", "list"],
                                   ["candidates", "stack", "s3://b/c", "s3://b/one", "s3://b/two"],
                                   [*RUN, "--help"], [*RUN, "--ray-address", "auto"]])  # fmt: skip
def test_what_is_not_sent(words: list[str]) -> None:
    with pytest.raises(SettingError):
        read_command(words)


@pytest.mark.parametrize("words", [["runn"], ["run", "--archive", "s3://a/x"], [*RUN, "--bundel", "x"]])
def test_what_the_command_line_refuses_here_it_refuses_there(words: list[str]) -> None:
    with pytest.raises((CycloptsError, SettingError)):
        read_command(words)


def test_local_folders_need_to_be_shared(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle")
    (tmp_path / "archive").mkdir()
    words = ["run", "--archive", f"{tmp_path}/archive", "--bundle", f"{tmp_path}/bundle",
             "--output", f"{tmp_path}/out"]  # fmt: skip
    with pytest.raises(SettingError, match=r"--archive .* a folder of this machine.*--shared"):
        check_places(read_command(words), shared=False)
    assert check_places(read_command(words), shared=True) == []
    assert not (tmp_path / "out").exists()
    with pytest.raises(BundleError, match="language 'xx'"):
        check_places(read_command([*words, "--language", "xx"]), shared=True)
    with pytest.raises(SettingError, match="--k 0"):
        check_places(read_command([*words, "--k", "0"]), shared=True)
    (bundle.location.local_path / "encoder.safetensors").write_bytes(b"cut")
    with pytest.raises(BundleError, match=r"encoder\.safetensors"):
        check_places(read_command(words), shared=True)


def test_a_shared_folder_that_is_not_mounted_here_is_a_warning(tmp_path: Path) -> None:
    words = ["interpret", "--bundle", f"{tmp_path}/gone", "--output", f"{tmp_path}/out"]
    (warning,) = check_places(read_command(words), shared=True)
    assert "not checked from here: --bundle" in warning


def test_this_machine_can_run_this_version() -> None:
    here = NodePackages(installed_packages())
    here.require(image=True)
    assert here.wrong() == []


@pytest.mark.parametrize(
    ("change", "image", "said"),
    [
        ({"python": "3.9.2"}, False, "Python 3.9.2"),
        ({"ray": "2.9.0"}, False, "ray 2.9.0, wanted"),
        ({"torch": None}, False, "torch missing"),
        ({"echoprime-pipeline": None}, True, "leave out --image"),
        ({"echoprime-pipeline": "0.0.1"}, True, "echoprime-pipeline 0.0.1, here"),
    ],
)
def test_other_versions_are_refused(change: dict[str, str | None], image: bool, said: str) -> None:
    changed = {**installed_packages(), **change}
    versions = {name: found for name, found in changed.items() if found is not None}
    with pytest.raises(SettingError, match=said.replace(".", r"\.")):
        NodePackages(versions).require(image=image)


def test_the_package_runs_where_it_is_not_installed() -> None:
    """Its modules, assets and version, from a folder, in a Python that sees no checkout."""
    with staged_package() as folder:
        code = (
            "import sys, echoprime, pipelines; from pipelines.cli import main; "
            "from echoprime.assets import asset; "
            f"assert echoprime.__file__.startswith({str(folder)!r}), echoprime.__file__; "
            "assert asset('demonstration/lexicon.json').is_file(); sys.exit(main(['--version']))"
        )
        answer = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        assert importlib.metadata.version("echoprime-pipeline") in answer.stdout
