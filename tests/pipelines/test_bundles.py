"""`bundle fetch` and `bundle import` as commands."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import tenacity

from echoprime.bundle import open_bundle
from echoprime.release import downloading
from echoprime.release.official import ARCHIVE, CANDIDATES, FILES
from pipelines.cli import main
from pipelines.step_progress import StepProgress
from tests.echoprime.release.small import ROWS, write_small_release, zip_release
from tests.echoprime.release.web import web
from tests.texts import add_text_encoder, write_tokenizer

ROOT = Path(__file__).parents[2]
MINIATURE = ROOT / "tests" / "data" / "release"


def test_one_command_brings_and_imports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "WAIT", tenacity.wait_none())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    release = write_small_release(tmp_path / "made")
    archive = zip_release(release, tmp_path / ARCHIVE)
    files = {
        each.name: (archive if each.path == ARCHIVE else release / each.path).read_bytes() for each in FILES
    }
    with web(files=files, breaks={ARCHIVE: [10**6, 3000]}) as server:
        assert main(["bundle", "fetch", str(tmp_path / "bundle"), "--mirror", server.address]) == 0
    said = capsys.readouterr().out
    assert f"8 files (0.00 GB) in {tmp_path}/bundle-release, 8 of them brought now" in said
    assert "seen for the first time" in said
    assert "interprets only: the release has no weights" in said
    bundle = open_bundle(tmp_path / "bundle")
    assert (bundle.name, bundle.candidates_rows) == ("EchoPrime-v1.0.0", ROWS)
    assert main(["bundle", "import", str(tmp_path / "bundle-release"), str(tmp_path / "second")]) == 0
    nowhere = ["--mirror", "http://127.0.0.1:1"]  # nothing is missing: nobody is asked
    words = [
        "bundle",
        "fetch",
        str(tmp_path / "third"),
        "--release",
        str(tmp_path / "bundle-release"),
        *nowhere,
    ]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "0 of them brought now" in said
    assert "seen for the first time" not in said
    assert open_bundle(tmp_path / "third").hash == bundle.hash == open_bundle(tmp_path / "second").hash


def test_a_text_encoder_comes_along_where_its_tokenizer_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the zip as published: without a tokenizer left out and said, with one imported and checked."""
    release = write_small_release(tmp_path / "made")
    add_text_encoder(release)
    mirror = tmp_path / "mirror"
    for each in FILES:
        if each.path != ARCHIVE:
            (mirror / each.path).parent.mkdir(parents=True, exist_ok=True)
            (mirror / each.path).write_bytes((release / each.path).read_bytes())
    zip_release(release, mirror / ARCHIVE)
    fetch = ["bundle", "fetch", "--mirror", str(mirror), "--release", str(tmp_path / "release")]
    assert main([*fetch, str(tmp_path / "without")]) == 0
    assert "text encoder was left out: --tokenizer names the folder" in capsys.readouterr().out
    assert open_bundle(tmp_path / "without").text_encoder is None
    words = ["--tokenizer", str(write_tokenizer(tmp_path / "words"))]
    assert main([*fetch, str(tmp_path / "with"), *words]) == 0
    assert "finds studies by text" in capsys.readouterr().out
    assert main(["bundle", "import", str(tmp_path / "release"), str(tmp_path / "again"), *words]) == 0
    bundle = open_bundle(tmp_path / "with")
    assert bundle.hash == open_bundle(tmp_path / "again").hash
    capsys.readouterr()
    assert main(["bundle", "check", str(tmp_path / "with")]) == 0
    said = capsys.readouterr().out
    assert f"{len(bundle.files)} files have the SHA-256" in said
    assert "the text encoder's numbers are those that were recorded" in said


def test_a_killed_fetch_is_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed for good while a connection is silent in mid-file; the same command asks for the rest."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    side = {each.name: MINIATURE / each.path for each in FILES}
    side[ARCHIVE] = zip_release(MINIATURE, tmp_path / ARCHIVE)
    files = {name: path.read_bytes() for name, path in side.items()}
    name, held = "candidate_embeddings_p1.pt", 2_000_000
    with web(files=files, holds={name: held}) as server:
        words = ["bundle", "fetch", str(tmp_path / "bundle"), "--mirror", server.address]
        part = tmp_path / "bundle-release" / CANDIDATES / f".{name}.part"
        with subprocess.Popen([sys.executable, "-m", "pipelines", *words], cwd=ROOT) as process:
            until = time.monotonic() + 120
            while not part.exists() or part.stat().st_size < held // 2:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            process.kill()
        there = part.stat().st_size
        assert main(words) == 0
    assert (name, f"bytes={there}-") in server.asked
    assert "2 of them brought now" in capsys.readouterr().out
    assert open_bundle(tmp_path / "bundle").candidates_rows == 4_000


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("fetch s3://bucket/bundle", "s3://bucket/bundle is in a bucket; a local folder is needed here"),
        ("fetch {}/bundle --release s3://bucket/x", "s3://bucket/x is in a bucket"),
        ("import {}/release s3://bucket/bundle", "s3://bucket/bundle is in a bucket"),
        ("import s3://bucket/release {}/bundle", "s3://bucket/release is in a bucket"),
        ("fetch {}/bundle --mirror http://[bad", "--mirror: no address"),
        ("fetch {}/bundle --mirror http://host:99999/", "a port that is none"),
    ],
)
def test_places_that_are_none_are_one_line(
    words: str,
    line: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bundle", *words.replace("{}", str(tmp_path)).split()]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert line in said
    assert {path.name for path in tmp_path.iterdir()} <= {"bundle-release"}


def test_progress_in_a_log_and_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipelines.step_progress.LOG_SECONDS", 0.0)
    with StepProgress() as progress:
        progress.told("candidates", 8192, 1_230_676)
        progress.told("weights", 0, 0)
    assert capsys.readouterr().err.splitlines() == [
        "candidates written: 8,192 of 1,230,676",
        "weights and their sample numbers: at work",
    ]
    with StepProgress(show=False) as progress:
        progress.told("candidates", 1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with StepProgress() as progress:
        progress.told("weights", 0, 0)
        progress.told("model_data.zip", 500, 1000)
        progress.told("model_data.zip", 1000, 1000)
    assert "model_data.zip" in capsys.readouterr().err
