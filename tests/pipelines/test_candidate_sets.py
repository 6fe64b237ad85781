"""Candidate sets by command: looked at, searched against brute force, exported and imported."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.bundle import open_bundle
from echoprime.interpretation.plain_candidates import METADATA
from echoprime.release import import_release
from echoprime.retrieval import CandidateSet, section_queries
from echoprime.retrieval.candidate_rows import candidate_rows
from echoprime.retrieval.study_embedding import study_embedding
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.cli import main
from tests.echoprime.release.small import NOBODY_HAS, ROWS, write_small_release
from tests.encoded import write_encodings
from tests.tiny import CANDIDATES, write_tiny_bundle

SECTION = "Left Ventricle"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, another one, a release's, an encodings table, and a set of one's own built of it."""
    folder = tmp_path_factory.mktemp("sets")
    bundle = write_tiny_bundle(folder / "bundle", weights=False)
    write_tiny_bundle(folder / "other", weights=False, seed=3)
    import_release(write_small_release(folder / "release"), folder / "official", shard_files=2)
    write_encodings(folder / "encodings", bundle, 20)
    with (folder / "reports.csv").open("w", newline="") as file:
        rows = [
            [f"s-{number:04d}", "Pericardium: No fluid is drawn around the heart."] for number in range(12)
        ]
        csv.writer(file).writerows([["study_id", "report"], *rows])
    words = "candidates build --bundle {0}/bundle --encodings {0}/encodings --reports {0}/reports.csv {0}/own"
    assert main(words.format(folder).split()) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def found(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def plain(file: Path, **columns: Any) -> Path:
    """Two rows of a user's own, with other columns; None = without that one."""
    rng = np.random.default_rng(0)
    usual = {
        "study_id": ["a", "b"],
        "embedding": list(rng.standard_normal((2, 512)).astype(np.float32)),
        "report": ["Pericardium: No fluid is drawn around the heart. Unheard of.", None],
        "tavr": [1, None],
        "age": [70, 71],
    }
    kept = {name: values for name, values in {**usual, **columns}.items() if values is not None}
    pq.write_table(pa.table(kept), file)
    return file


def test_info_counts_what_is_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = found(capsys, "candidates", "info", place / "official")
    opened = CandidateSet.open(open_bundle(place / "official"))
    rows = [each for part in opened.parts() for each in part.table.to_pylist()]
    assert (facts["rows"], facts["dimension"], facts["files"]) == (ROWS, 512, 2)
    assert facts["phrases"] == sum(len(each["report"]) for each in rows)
    assert facts["reports"] == sum(bool(each["report"]) for each in rows)
    assert facts["labels"]["tavr"] == 0
    for name, count in facts["labels"].items():
        assert count == sum(each[f"label_{name}"] is not None for each in rows)
    names = open_bundle(place / "official").lexicon().sections
    assert facts["sections"]["IVC"] == 1
    assert set(facts["sections"]) == set(names) - {names[NOBODY_HAS]}
    assert facts["patients_known"] == 0
    assert facts["embedding_space"] == "unstated"
    words = said(capsys, "candidates", "info", place / "official")
    assert f"{ROWS} candidates of 512 numbers" in words
    assert facts["hash"] in words


def test_info_of_an_own_set_names_sections_where_a_bundle_is_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = found(capsys, "candidates", "info", place / "own")
    assert facts["rows"] == facts["patients_known"] == 12
    assert facts["sections"] == {"section 10": 12}
    assert facts["hash"] == json.loads((place / "own" / "summary.json").read_text())["hash"]
    named = found(capsys, "candidates", "info", place / "own", "--bundle", place / "bundle")
    assert named["sections"] == {"Pericardium": 12}


def nearest(candidates: CandidateSet, vector: np.ndarray, k: int, without: str) -> list[tuple[float, int]]:
    scored = []
    for part in candidates.parts():
        for place, (row, study) in enumerate(
            zip(part.embeddings, part.table["study"].to_pylist(), strict=True)
        ):
            if study != without:
                score = (row[None].astype(np.float64) * vector.astype(np.float64)).sum(axis=1)[0]
                scored.append((-float(score), part.first + place))
    return [(-score, row) for score, row in sorted(scored)[:k]]


def test_search_by_a_row(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = CandidateSet.open(open_bundle(place / "official"))
    (mine,) = candidate_rows(opened, [7])
    hits = found(capsys, "candidates", "search", place / "official", "--row", 7, "--k", 5)
    assert [(each["similarity"], each["row"]) for each in hits] == nearest(
        opened, mine.embedding, 5, mine.study
    )
    assert hits[0]["row"] == 17  # its copy
    assert [each["rank"] for each in hits] == [1, 2, 3, 4, 5]
    for each in hits:
        (expected,) = candidate_rows(opened, [each["row"]])
        assert (each["study"], each["labels"]) == (expected.study, expected.labels)
        assert each["report"].count("[SEP]") == len({phrase[0] for phrase in expected.report})


@pytest.mark.parametrize("section", [None, SECTION])
def test_search_by_a_study(place: Path, section: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = open_bundle(place / "bundle")
    rows = StudyTable.existing(Location.parse(place / "encodings")).newest(
        ["study_id", "videos", "embeddings"]
    )
    row = rows.to_pylist()[4]
    embeddings = np.array(row["embeddings"], np.float32)
    views = np.array([bundle.views.index(each["view"]) for each in row["videos"]])
    queries = section_queries(embeddings, views, bundle.sections.weights)
    vector = study_embedding(embeddings) if section is None else queries.queries[0]
    words = ["--encodings", place / "encodings", "--study", row["study_id"], "--k", 4]
    words += [] if section is None else ["--section", section]
    hits = found(capsys, "candidates", "search", place / "bundle", *words)
    assert vector is not None
    expected = nearest(CandidateSet.open(bundle), vector, 4, "")
    assert [(each["similarity"], each["row"]) for each in hits] == expected
    if section is not None:
        assert all(each["report"].startswith((SECTION, "")) for each in hits)
        assert not any("Pericardium:" in each["report"] for each in hits)


def test_a_study_is_no_neighbour_of_itself_nor_of_its_patient(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--encodings", place / "encodings", "--study", "s-0004", "--k", 50]
    hits = found(capsys, "candidates", "search", place / "own", *words)
    studies = {each["study"] for each in hits}
    assert studies == {f"s-{number:04d}" for number in range(12)} - {"s-0004", "s-0005"}
    assert {each["report"] for each in hits} == {"10/0"}  # codes: no bundle was named
    shown = said(capsys, "candidates", "search", place / "own", *words)
    assert "--bundle writes the reports' codes" in shown
    named = said(capsys, "candidates", "search", place / "own", *words, "--bundle", place / "bundle")
    assert "No fluid is drawn" in named


def test_csv_has_what_json_has(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["candidates", "search", place / "official", "--row", 3, "--k", 6]
    rows = list(csv.DictReader(io.StringIO(said(capsys, *words, "--csv"))))
    hits = found(capsys, *words)
    assert [(int(row["row"]), float(row["similarity"]), row["report"]) for row in rows] == [
        (each["row"], each["similarity"], each["report"]) for each in hits
    ]
    for row, each in zip(rows, hits, strict=True):
        assert {name: float(row[name]) for name in each["labels"]} == each["labels"]
        assert row["tavr"] == ""


@pytest.mark.parametrize(("name", "rows"), [("official", ROWS), ("bundle", CANDIDATES)])
def test_there_and_back_gives_the_same_bytes(
    place: Path, name: str, rows: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / name, tmp_path / "plain")
    files = sorted((tmp_path / "plain").iterdir())
    assert [file.name for file in files] == [f"candidates-0000{n}-of-00002.parquet" for n in range(2)]
    table = pa.concat_tables([pq.read_table(file) for file in files])
    assert table.num_rows == rows
    lexicon = open_bundle(place / name).lexicon()
    assert any(lexicon.sections[3] in (text or "") for text in table["report"].to_pylist())
    for turn in ("first", "second"):
        words = ["candidates", "import", "--bundle", place / name, "--rows", tmp_path / "plain"]
        said(capsys, *words, tmp_path / turn)
        said(
            capsys,
            "candidates",
            "export",
            tmp_path / turn,
            tmp_path / f"{turn}-plain",
            "--bundle",
            place / name,
        )
    hashes = [
        json.loads((tmp_path / turn / "summary.json").read_text())["hash"] for turn in ("first", "second")
    ]
    assert hashes[0] == hashes[1]
    again = pq.read_table(tmp_path / "first-plain" / "candidates-00000-of-00001.parquet")
    assert again.equals(table.combine_chunks())
    opened = CandidateSet.open(open_bundle(place / name))
    own = CandidateSet.open(tmp_path / "first")
    assert (own.embedding_space, own.largest_norm) == (opened.embedding_space, opened.largest_norm)
    whole = [
        pa.Table.from_batches([part.table for part in each.parts()]).combine_chunks()
        for each in (own, opened)
    ]
    assert whole[0].equals(whole[1])


@pytest.mark.s3
def test_an_export_in_a_bucket_is_imported_from_there(
    place: Path, s3_location: Location, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / "own", s3_location / "plain")
    words = ["--bundle", place / "bundle", "--rows", s3_location / "plain"]
    said(capsys, "candidates", "import", *words, s3_location / "set")
    said(capsys, "candidates", "import", *words, tmp_path / "set")
    assert (s3_location / "set" / "summary.json").read_bytes() == (
        tmp_path / "set" / "summary.json"
    ).read_bytes()


def test_plain_files_of_ones_own(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = open_bundle(place / "bundle")
    file = plain(tmp_path / "rows.parquet")
    words = ["--bundle", place / "bundle", "--embedding-space", bundle.embedding_space]
    shown = said(capsys, "candidates", "import", *words, "--rows", file, tmp_path / "set")
    assert "candidate set: 2 candidates" in shown
    assert "1 phrases recognised" in shown
    assert "1 sentences not recognised" in shown
    assert "columns that are no phenotypes: age" in shown
    first, second = candidate_rows(CandidateSet.open(tmp_path / "set"), [0, 1])
    assert (first.study, first.labels, second.labels) == ("a", {"tavr": 1.0}, {})
    assert (first.report, second.report) == (((10, 0, None),), ())
    np.save(tmp_path / "e.npy", np.stack([each.embedding for each in (first, second)]))
    apart = plain(tmp_path / "apart.parquet", embedding=None)
    said(
        capsys,
        "candidates",
        "import",
        *words,
        "--rows",
        apart,
        "--embeddings",
        tmp_path / "e.npy",
        tmp_path / "two",
    )
    hashes = [json.loads((tmp_path / name / "summary.json").read_text())["hash"] for name in ("set", "two")]
    assert hashes[0] == hashes[1]


WRONG = [
    ({"embedding": [[1.0] * 512, [1.0] * 511]}, "column embedding: list<.*>; must be lists of float32"),
    (
        {"embedding": pa.array([[1.0] * 512, [1.0] * 511], pa.list_(pa.float32()))},
        "row 1 has not 512 numbers",
    ),
    ({"embedding": pa.array([[1.0] * 512, None], pa.list_(pa.float32()))}, "row 1 has not 512 numbers"),
    ({"embedding": pa.array([[1.0] * 512, [None] * 512], pa.list_(pa.float32()))}, "numbers are missing"),
    (
        {"embedding": pa.array([[1.0] * 512, [float("nan")] * 512], pa.list_(pa.float32()))},
        "row 1 has a value",
    ),
    ({"study_id": ["a", ""]}, "column study_id: row 1 has none"),
    ({"study_id": [1.5, 2.5]}, "column study_id: double; must be text or whole numbers"),
    ({"tavr": [1, 2]}, "column tavr: 1 of its values are not 0 or 1"),
    ({"tavr": ["yes", "no"]}, "column tavr: string; must be numbers"),
    ({"ejection_fraction": [55.0, 155.0]}, "1 of its values are not a number from 0 to 100"),
    ({"study_id": None}, "no column study_id"),
    ({"embedding": None}, "no column embedding"),
]


@pytest.mark.parametrize(("columns", "message"), WRONG)
def test_values_that_cannot_be_are_told(
    place: Path, columns: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = plain(tmp_path / "rows.parquet", **columns)
    words = ["candidates", "import", "--bundle", place / "bundle", "--embedding-space", "x", "--rows", file]
    assert main([str(word) for word in [*words, tmp_path / "set"]]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert re.search(message, line), line
    assert not (tmp_path / "set").exists()


def test_codes_of_another_lexicon_are_refused_and_texts_are_read_again(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / "bundle", tmp_path / "plain")
    table = pq.read_table(tmp_path / "plain")
    facts = json.loads(table.schema.metadata[METADATA])
    facts["lexicon"]["sha256"] = "0" * 64
    table = table.replace_schema_metadata({METADATA: json.dumps(facts)})
    pq.write_table(table, tmp_path / "other.parquet")
    pq.write_table(table.drop_columns(["report"]), tmp_path / "codes.parquet")
    words = ["candidates", "import", "--bundle", str(place / "bundle"), "--rows"]
    assert main([*words, str(tmp_path / "codes.parquet"), str(tmp_path / "set")]) == 2
    assert "coded by another lexicon" in capsys.readouterr().err
    assert "phrases recognised" in said(capsys, *words, tmp_path / "other.parquet", tmp_path / "set")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("info {}/gone", "nothing is there"),
        ("info {}/encodings", "neither bundle.json nor summary.json there"),
        ("search {}/bundle", "give one of --row and --study"),
        ("search {}/bundle --row 1 --study s-0001 --encodings {}/encodings", "give one of --row and --study"),
        ("search {}/bundle --study s-0001", "give both"),
        ("search {}/bundle --row 120", "row 120: the candidate set has rows 0 to 119"),
        ("search {}/bundle --row -1", "the candidate set has rows 0 to 119"),
        ("search {}/official --row 59", "its embedding is zero"),
        ("search {}/bundle --row 1 --k 0", "--k 0"),
        ("search {}/bundle --row 1 --k 1001", "--k 1001: at most 1000"),
        ("search {}/bundle --row 1 --json --csv", "give one of --json and --csv"),
        (
            "search {}/bundle --row 1 --section Heart",
            "--section Heart: no such section; there are Left Ventricle",
        ),
        ("search {}/own --row 1 --section IVC", "--section: sections have their names in the bundle"),
        ("search {}/own --study s-0001 --encodings {}/encodings --section IVC", "give --bundle"),
        ("search {}/bundle --row 1 --language xx", "language 'xx'"),
        ("search {}/bundle --study Smith^John --encodings {}/encodings", "no such study among its 20"),
        ("search {}/bundle --study s-0001 --encodings {}/gone", "no table"),
        ("search {}/other --study s-0001 --encodings {}/encodings", "'tiny-0', the candidates of 'tiny-3'"),
        ("search {}/own --row 1 --bundle {}/official", "another 'en' lexicon"),
        ("import --bundle {}/bundle --rows {}/gone {}/set", "nothing is there"),
        ("import --bundle {}/bundle --rows {}/reports.csv {}/set", "no Parquet file, or a damaged one"),
        ("import --bundle {}/bundle --rows {}/release {}/set", "no .parquet file in it"),
        ("import --bundle {}/bundle --rows {}/gone {}/own", "something is there already"),
        ("import --bundle {}/bundle --rows {}/gone --language xx {}/set", "language 'xx'"),
        ("import --rows {}/gone {}/set", "--bundle"),
        ("export {}/gone {}/plain", "nothing is there"),
        ("export {}/bundle {}/own", "something is there already"),
    ],
)
def test_a_mistake_is_one_line(
    place: Path, words: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["candidates", *words.replace("{}", str(place)).split()]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1, shown
    assert line in shown
    assert "Smith" not in shown


def test_files_that_say_no_space_need_one(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = plain(tmp_path / "rows.parquet")
    words = [
        "candidates",
        "import",
        "--bundle",
        str(place / "bundle"),
        "--rows",
        str(file),
        str(tmp_path / "set"),
    ]
    assert main(words) == 2
    assert "give --embedding-space (the bundle's own is 'tiny-0')" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (np.zeros((2, 511), np.float32), "must be float32 (2, 512)"),
        (np.zeros((2, 512)), "float64 (2, 512); must be float32"),
        (np.array([{}] * 2, object), "no .npy file of plain numbers"),
    ],
)
def test_npy_files_that_do_not_fit_are_told(
    place: Path, save: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = plain(tmp_path / "rows.parquet", embedding=None)
    np.save(tmp_path / "e.npy", save, allow_pickle=True)
    words = [
        "--bundle",
        place / "bundle",
        "--embedding-space",
        "x",
        "--rows",
        file,
        "--embeddings",
        tmp_path / "e.npy",
    ]
    assert main(["candidates", "import", *map(str, words), str(tmp_path / "set")]) == 2
    assert message in capsys.readouterr().err
