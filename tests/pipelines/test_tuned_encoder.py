"""A tuned encoder's numbers are never mixed with another's: one line names both, everywhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from echoprime.bundle import open_bundle
from echoprime.networks import seeded_state
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, StudyTable
from pipelines.cli import main
from pipelines.encode import encoding_identity
from pipelines.settings import EncodingChoices
from tests.encoded import write_encodings
from tests.tiny import ENCODER, write_tiny_archive, write_tiny_bundle

Refusal = Callable[..., str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle `tiny` and a tuned one, encodings and an own candidate set of each, a manifest, reports."""
    folder = tmp_path_factory.mktemp("tuned")
    base = write_tiny_bundle(folder / "tiny")
    torch.save(seeded_state(ENCODER, 5), folder / "encoder.pt")
    assert (
        main(f"bundle tune {folder}/tiny {folder}/mine --encoder {folder}/encoder.pt --name mine".split())
        == 0
    )
    with (folder / "reports.csv").open("w", newline="") as file:
        rows = [
            [f"s-{number:04d}", "Pericardium: No fluid is drawn around the heart."] for number in range(9)
        ]
        csv.writer(file).writerows([["study_id", "report"], *rows])
    for bundle in (base, open_bundle(folder / "mine")):
        write_encodings(folder / f"out-{bundle.name}" / "encodings", bundle, 12)
        words = (
            "candidates build --bundle {0}/{1} --encodings {0}/out-{1}/encodings --reports {0}/reports.csv"
        )
        assert main([*words.format(folder, bundle.name).split(), f"{folder}/set-{bundle.name}"]) == 0
    archive = write_tiny_archive(folder / "archive", 2)
    assert main(["manifest", str(archive), str(folder / "manifest.parquet")]) == 0
    return folder


@pytest.fixture
def refusal(place: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """What a command says that is refused: one line, in which both spaces are named."""

    def said(words: str) -> str:
        before = sorted(place.rglob("*"))
        capsys.readouterr()
        assert main(words.format(place).split()) == 2
        found = capsys.readouterr().err
        assert found.count("\n") == 1, found
        assert repr(open_bundle(place / "mine").embedding_space) in found
        assert repr(open_bundle(place / "tiny").embedding_space) in found
        assert sorted(place.rglob("*")) == before
        return found

    return said


def test_the_tune_command_says_what_it_made(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"bundle tune {place}/tiny {place}/again --encoder {place}/encoder.pt --name b".split()) == 0
    said = capsys.readouterr().out
    assert "encodes into the embedding space b@sha256:" in said
    assert "no candidates and no text encoder" in said
    assert main(["bundle", "check", f"{place}/again"]) == 0
    bad = f"bundle tune {place}/tiny {place}/third --encoder {place}/encoder.pt --name ../x".split()
    assert main(bad) == 2
    assert "--name '../x'" in capsys.readouterr().err


def test_the_encoding_has_an_id_of_its_own(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = (
        encoding_identity(open_bundle(place / name), EncodingChoices()) for name in ("mine", "tiny")
    )
    assert ours["encoding_id"] != theirs["encoding_id"]
    out = place / "encoded"
    StudyTable.open(Location.parse(out / "encodings"), ENCODINGS, identity=theirs)
    words = f"encode --manifest {place}/manifest.parquet --bundle {place}/mine --output {out}"
    assert main(words.split()) == 2
    said = capsys.readouterr().err
    assert ours["embedding_space"] in said
    assert theirs["embedding_space"] in said


@pytest.mark.parametrize(
    "words",
    [
        "interpret --bundle {0}/mine --output {0}/out-mine",
        "interpret --bundle {0}/mine --output {0}/out-mine --candidates {0}/set-tiny --name x",
        "interpret --bundle {0}/tiny --output {0}/out-mine",
        "interpret --bundle {0}/tiny --output {0}/out-tiny --candidates {0}/set-mine --name x",
        "interpret --bundle {0}/mine --output {0}/out-tiny --candidates {0}/set-mine --name x",
        "run --archive {0}/archive --bundle {0}/mine --output {0}/new",
        "run --archive {0}/archive --bundle {0}/mine --output {0}/new --candidates {0}/set-tiny",
    ],
)
def test_no_interpretation_mixes_them(refusal: Refusal, words: str) -> None:
    refusal(words)


@pytest.mark.parametrize(
    "words",
    [
        "candidates search {0}/set-tiny --encodings {0}/out-mine/encodings --study s-0001",
        "candidates search {0}/tiny --encodings {0}/out-mine/encodings --study s-0001",
        "candidates search {0}/set-mine --encodings {0}/out-tiny/encodings --study s-0001",
        "candidates search {0}/out-tiny/encodings --encodings {0}/out-mine/encodings --study s-0001",
        "candidates search {0}/mine --row 1",
        "candidates info {0}/mine",
    ],
)
def test_no_search_mixes_them(refusal: Refusal, words: str) -> None:
    refusal(words)


def test_no_set_is_built_with_the_other_bundle(refusal: Refusal) -> None:
    words = (
        "candidates build --bundle {0}/%s --encodings {0}/out-%s/encodings --reports {0}/reports.csv {0}/no"
    )
    assert "give the bundle that encoded them" in refusal(words % ("tiny", "mine"))
    assert "give the bundle that encoded them" in refusal(words % ("mine", "tiny"))


def test_no_set_is_imported_with_the_other_bundle(place: Path, refusal: Refusal, tmp_path: Path) -> None:
    assert main(["candidates", "export", f"{place}/set-mine", str(tmp_path / "plain")]) == 0
    said = refusal(f"candidates import --bundle {{0}}/tiny --rows {tmp_path}/plain {{0}}/no")
    assert "give the bundle whose encoder made them" in said
    space = open_bundle(place / "mine").embedding_space
    rows = {"study_id": ["a"], "embedding": [np.ones(512, np.float32)], "report": ["x"]}
    pq.write_table(pa.table(rows), tmp_path / "own.parquet")
    words = f"candidates import --bundle {{0}}/tiny --rows {tmp_path}/own.parquet {{0}}/no"
    refusal(f"{words} --embedding-space {space}")
    right = f"candidates import --bundle {place}/mine --rows {tmp_path}/plain {tmp_path}/set"
    assert main(right.split()) == 0
    summary = json.loads((tmp_path / "set" / "summary.json").read_text())
    assert summary["embedding_space"] == space


def test_its_own_set_is_searched(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "candidates search {0}/set-mine --encodings {0}/out-mine/encodings --study s-0011 --json"
    capsys.readouterr()
    assert main(words.format(place).split()) == 0
    assert len(json.loads(capsys.readouterr().out)) == 9
