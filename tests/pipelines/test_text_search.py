"""Candidates and one's own studies found by text; whether reports and studies find each other."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from echoprime.bundle import open_bundle
from echoprime.networks import load_text_encoder
from echoprime.retrieval import CandidateSet
from echoprime.retrieval.candidate_rows import candidate_rows
from echoprime.retrieval.study_embedding import study_embedding
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, StudyTable
from pipelines.cli import main
from tests.encoded import drawn_row, write_encodings
from tests.tiny import write_tiny_bundle

TEXT = "Severe aortic stenosis"
STUDIES = 24


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of two spaces with a text encoder, one without, drawn encodings, and a set built of them."""
    folder = tmp_path_factory.mktemp("text")
    bundle = write_tiny_bundle(folder / "bundle", text=True)
    write_tiny_bundle(folder / "other", weights=False, seed=3)
    write_tiny_bundle(folder / "elsewhere", weights=False, seed=3, text=True)
    write_tiny_bundle(folder / "silent", weights=False)
    write_encodings(folder / "encodings", bundle, STUDIES)
    reports = [
        [f"s-{number:04d}", "Pericardium: No fluid is drawn around the heart."] for number in range(12)
    ]
    write_reports(folder / "reports.csv", reports)
    words = "candidates build --bundle {0}/bundle --encodings {0}/encodings --reports {0}/reports.csv {0}/own"
    assert main(words.format(folder).split()) == 0
    return folder


def write_reports(file: Path, rows: list[list[str]]) -> Path:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([["study_id", "report"], *rows])
    return file


def found(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    assert main([str(word) for word in (*words, "--json")]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    return said


def unit(place: Path, text: str = TEXT) -> np.ndarray:
    vector = load_text_encoder(open_bundle(place / "bundle")).embed([text])[0].astype(np.float64)
    return vector / np.linalg.norm(vector)


def test_a_bundles_candidates_by_text(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hits = found(capsys, "candidates", "search", place / "bundle", "--text", TEXT, "--k", 7)
    candidates = CandidateSet.open(open_bundle(place / "bundle"))
    rows = candidate_rows(candidates, range(candidates.rows))
    scores = np.array([each.embedding.astype(np.float64) @ unit(place) for each in rows])
    best = sorted(range(len(rows)), key=lambda row: (-round(scores[row], 12), row))[:7]
    assert [each["row"] for each in hits] == best
    np.testing.assert_allclose([each["similarity"] for each in hits], scores[best], atol=1e-6)
    assert [each["labels"] for each in hits] == [rows[row].labels for row in best]
    shown = found(capsys, "candidates", "search", place / "bundle", "--text", TEXT, "--section", "IVC")
    assert all(each["report"].startswith(("IVC", "")) for each in shown)
    assert not any("Pericardium:" in each["report"] for each in shown)


def test_a_bundles_candidates_by_another_bundles_text_encoder(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one embedding space; one of another is refused, whatever is searched with."""
    search = ["candidates", "search", place / "silent", "--text", TEXT]
    assert "has no text encoder" in refusal(capsys, *search)
    hits = found(capsys, *search, "--bundle", place / "bundle")
    assert hits == found(capsys, "candidates", "search", place / "bundle", "--text", TEXT)
    for asked in (["--text", TEXT], ["--row", 1]):
        words = ["candidates", "search", place / "silent", *asked, "--bundle", place / "elsewhere"]
        assert "--bundle 'tiny' is of the embedding space 'tiny-3', the candidates are of" in refusal(
            capsys, *words
        )


def test_a_set_of_ones_own_by_text(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["candidates", "search", place / "own", "--text", TEXT, "--k", 100]
    hits = found(capsys, *own, "--bundle", place / "bundle")
    assert {each["study"] for each in hits} == {f"s-{number:04d}" for number in range(12)}
    assert {each["report"] for each in hits} == {"Pericardium: No fluid is drawn around the heart. [SEP]"}
    assert "--text: it is read by the bundle's text encoder; give --bundle" in refusal(capsys, *own)


def test_ones_own_encodings_by_text(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["candidates", "search", place / "encodings", "--bundle", place / "bundle", "--text", TEXT]
    hits = found(capsys, *words, "--k", 5)
    table = StudyTable.existing(Location.parse(place / "encodings")).newest(["study_id", "embeddings"])
    scores = {
        row["study_id"]: float(study_embedding(np.array(row["embeddings"], np.float32)) @ unit(place))
        for row in table.to_pylist()
    }
    best = sorted(scores, key=lambda study: -scores[study])[:5]
    assert [each["study"] for each in hits] == best
    np.testing.assert_allclose(
        [each["similarity"] for each in hits], [scores[study] for study in best], atol=1e-6
    )
    assert {each["report"] for each in hits} == {""}
    capsys.readouterr()
    assert main([str(word) for word in words]) == 0
    shown = capsys.readouterr().out
    assert f"{STUDIES} encoded studies were searched" in shown
    assert best[0] in shown


def test_ones_own_encodings_by_a_study(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes of the same: the studies that are most like one, its patient's left out."""
    hits = found(capsys, "candidates", "search", place / "encodings", "--study", "s-0004", "--k", 100)
    expected = {f"s-{number:04d}" for number in range(STUDIES)} - {"s-0004", "s-0005"}
    assert {each["study"] for each in hits} == expected


def test_incomplete_studies_and_those_without_videos_are_left_out(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = open_bundle(place / "bundle")
    write_encodings(tmp_path / "encodings", bundle, 3)
    write_encodings(tmp_path / "none", bundle, 3, status="incomplete")
    table = StudyTable.existing(Location.parse(tmp_path / "encodings"))
    rng = np.random.default_rng(1)
    rows = [
        {**drawn_row(5, rng, bundle), "status": "incomplete"},
        {**drawn_row(6, rng, bundle), "videos": [], "embeddings": [], "view_probabilities": []},
    ]
    schema = pa.schema([column for column in ENCODINGS if column.name != "written_at"])
    table.append(pa.Table.from_pylist(rows, schema))
    words = ["candidates", "search", tmp_path / "encodings", "--bundle", place / "bundle", "--text", TEXT]
    assert len(found(capsys, *words)) == 3
    assert main([str(word) for word in words]) == 0
    assert "3 encoded studies were searched; 2 incomplete or without" in capsys.readouterr().out
    words[2] = tmp_path / "none"
    assert "none of its 3 studies has an encoded video" in refusal(capsys, *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("bundle --text x --row 3", "give one of --row, --study and --text"),
        ("bundle", "give one of --row, --study and --text"),
        ("bundle --text x --encodings {}/encodings", "--study is looked up in --encodings"),
        ("bundle --text=", "--text is empty"),
        ("other --text x", "bundle 'tiny' has no text encoder; import a release with"),
        ("encodings --text x", "give --bundle"),
        ("encodings --text x --bundle {}/elsewhere", "'tiny-3', what is searched is of 'tiny-0'"),
    ],
)
def test_what_cannot_be_searched_is_one_line(
    place: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refusal(
        capsys, "candidates", "search", *f"{place}/{words}".replace("{}", str(place)).split()
    )


def test_a_text_that_is_too_long_is_refused_without_being_repeated(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "candidates", "search", place / "bundle", "--text", "zebra " * 600)
    assert "the text encoder reads 512; make it shorter" in said
    assert "zebra" not in said


def test_without_transformers_one_line_says_what_to_install(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("transformers", "tokenizers"):
        monkeypatch.setitem(sys.modules, package, None)  # importing it fails
        said = refusal(capsys, "candidates", "search", place / "bundle", "--text", "x")
        assert "pip install 'echoprime-pipeline[text]'" in said
    assert len(found(capsys, "candidates", "search", place / "bundle", "--row", 1)) == 10


def test_without_transformers_a_bundle_is_checked_but_for_its_sentence(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bundle", "check", str(place / "bundle")]
    capsys.readouterr()
    assert main(words) == 0
    assert "numbers are those that were recorded" in capsys.readouterr().out
    changed = shutil.copytree(place / "bundle", tmp_path / "changed")
    (changed / "text_selfcheck.npz").write_bytes(b"")
    for package in ("transformers", "tokenizers"):
        monkeypatch.setitem(sys.modules, package, None)  # importing it fails
        assert main(words) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "sample clip on cpu" in said
        assert "sample sentence: not checked: text needs the package transformers; install it" in said
        refusal(capsys, "bundle", "check", changed)  # a file that differs is refused as ever


REPORTS = [
    "Severe aortic stenosis.",
    "Mild mitral regurgitation.",
    "The heart is normal.",
    "No pericardial effusion.",
    "Ejection fraction 35 %.",
    "The left ventricle is of normal size.",
    "Moderate aortic stenosis.",
    "The heart is normal.",
    "No fluid around the heart.",
    "Right ventricle: severe.",
    "mild mild " * 300,
    "Pericardial fluid.",
]


@pytest.fixture(scope="module")
def paired(place: Path) -> Path:
    """Encodings whose videos lie near what the text encoder makes of their reports; the last three turned."""
    bundle = open_bundle(place / "bundle")
    vectors = load_text_encoder(bundle).embed(REPORTS)
    rng = np.random.default_rng(0)
    centred = vectors - vectors.mean(axis=0)
    identity = {"encoding_id": "drawn", "embedding_space": bundle.embedding_space}
    table = StudyTable.open(Location.parse(place / "paired"), ENCODINGS, identity=identity)
    order = [*range(9), 10, 11, 9]
    rows = [drawn_row(number, rng, bundle) for number in range(len(REPORTS))]
    for number, row in enumerate(rows):
        target = vectors.mean(axis=0) + centred[order[number]]
        row["embeddings"] = [target.astype(np.float32)] * len(row["videos"])
    schema = pa.schema([column for column in ENCODINGS if column.name != "written_at"])
    table.append(pa.Table.from_pylist([*rows, drawn_row(40, rng, bundle)], schema))
    write_reports(
        place / "paired.csv",
        [[f"s-{number:04d}", text] for number, text in enumerate(REPORTS)] + [["gone", "The heart."]],
    )
    return place


def test_recall_of_reports(paired: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["candidates", "recall", paired / "paired", "--reports", paired / "paired.csv"]
    words += ["--bundle", paired / "bundle", "--no-progress"]
    facts = found(capsys, *words)
    assert (facts["studies"], facts["different_reports"], facts["reports_cut"]) == (12, 11, 1)
    assert (facts["studies_without_report"], facts["reports_of_studies_not_encoded"]) == (1, 1)
    for direction in ("report_by_study", "study_by_report"):
        assert facts[direction]["recall@1"] == 9 / 12  # the three that were turned find each other's
        assert facts[direction]["recall@10"] >= 9 / 12
        assert facts[direction]["median_rank"] == 1
    capsys.readouterr()
    assert main([str(word) for word in words]) == 0
    shown = capsys.readouterr().out
    assert "12 studies with 11 different reports" in shown
    assert "0.750" in shown
    assert "untrained" in shown


def test_recall_refuses_what_does_not_fit(
    paired: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["candidates", "recall", paired / "paired", "--reports", paired / "paired.csv", "--bundle"]
    assert "'tiny-0', texts by bundle 'tiny' are of 'tiny-3'" in refusal(capsys, *words, paired / "elsewhere")
    few = write_reports(tmp_path / "few.csv", [["s-0001", "The heart."], ["t", "x"]])
    words[4] = few
    assert "1 of its 2 reports are of studies that are encoded" in refusal(
        capsys, *words, paired / "bundle", "--no-progress"
    )
