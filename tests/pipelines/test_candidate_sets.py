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
from echoprime.interpretation.plain_candidates import METADATA, plain_batches
from echoprime.release import import_release
from echoprime.retrieval import CandidateSet, section_queries
from echoprime.retrieval.candidate_rows import candidate_rows
from echoprime.retrieval.study_embedding import study_embedding
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.candidate_sets.opening import open_set
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


@pytest.mark.parametrize("command", ["info", "export"])
def test_a_bundle_named_beside_a_bundle_takes_its_place_or_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = [
        "candidates",
        command,
        str(place / "bundle"),
        *([str(tmp_path / "plain")] * (command == "export")),
    ]
    assert main([*words, "--bundle", str(place / "other")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "give one of the same encoder" in said
    alike = write_tiny_bundle(tmp_path / "alike", weights=False, languages=["sn"])
    assert main([*words, "--bundle", str(alike.location)]) == 0
    opened = open_set(str(place / "bundle"), str(alike.location)).bundle
    assert opened is not None
    assert opened.location == alike.location


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
    ({"report": [b"a", b"b"]}, "column report: binary; must be text"),
    ({"report": [["a"], ["b"]]}, "column report: list<.*>; must be text"),
    ({"report": pa.array(["a", "b"]).cast(pa.json_())}, "column report: extension<arrow.json>; must be text"),
    (
        {"report": pa.array([b"a", b"\xff"]).cast(pa.string(), safe=False)},
        "column report: damaged, or text that is no UTF-8, in rows 0 and on",
    ),
    ({"study_id": pa.array([b"a", b"\xff"]).cast(pa.string(), safe=False)}, "column study_id: damaged"),
    ({"study_id": pa.array(["a", "b"]).cast(pa.json_())}, "column study_id: extension<arrow.json>; must be"),
    ({"tavr": pa.array([2**63 + 1, 1], pa.uint64())}, "column tavr: 1 of its values are not 0 or 1"),
    ({"tavr": pa.array([1, 0], pa.int8()).cast(pa.bool8())}, "column tavr: extension<arrow.bool8>; must be"),
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


def told(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The line of a command that is refused."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1, line
    return line


def changed(table: pa.Table, **facts: Any) -> pa.Table:
    """The same rows, whose file says something else of itself."""
    said = json.loads(table.schema.metadata[METADATA])
    return table.replace_schema_metadata({METADATA: json.dumps({**said, **facts})})


def importing(place: Path, bundle: str, rows: Path) -> list[object]:
    return ["candidates", "import", "--bundle", place / bundle, "--rows", rows]


def test_codes_of_another_lexicon_are_refused_and_texts_are_read_again(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / "own", tmp_path / "codes")
    assert "report" not in pq.read_table(tmp_path / "codes").column_names
    line = told(capsys, *importing(place, "official", tmp_path / "codes"), tmp_path / "set")
    assert "coded by another lexicon than bundle" in line
    said(capsys, "candidates", "export", place / "own", tmp_path / "texts", "--bundle", place / "bundle")
    shown = said(capsys, *importing(place, "official", tmp_path / "texts"), tmp_path / "set")
    assert "12 sentences not recognised" in shown
    said(capsys, *importing(place, "bundle", tmp_path / "codes"), tmp_path / "same")
    assert [row.report for row in candidate_rows(CandidateSet.open(tmp_path / "same"), [0, 11])] == [
        ((10, 0, None),)
    ] * 2


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"embedding_space": "x"},
            r'embedding space: .*00000.* says "tiny-0", .*00001.* says "x"; import them',
        ),
        ({"embedding_space": None}, r'says "tiny-0", .*00001.* says nothing'),
        ({"lexicon": {"language": "it", "sha256": "0"}}, r'lexicon: .*says .*"en".* says .*"it"'),
    ],
)
def test_files_that_say_different_things_are_refused(
    place: Path, facts: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / "bundle", tmp_path / "plain")
    second = sorted((tmp_path / "plain").iterdir())[1]
    pq.write_table(changed(pq.read_table(second), **facts), second)
    line = told(capsys, *importing(place, "bundle", tmp_path / "plain"), tmp_path / "set")
    assert re.search(message, line), line
    assert not (tmp_path / "set").exists()


def test_an_embedding_space_that_the_files_deny_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / "own", tmp_path / "plain")
    words = [*importing(place, "bundle", tmp_path / "plain"), "--embedding-space"]
    assert "--embedding-space 'x': the files say 'tiny-0'" in told(capsys, *words, "x", tmp_path / "set")
    said(capsys, *words, "tiny-0", tmp_path / "set")
    np.save(tmp_path / "e.npy", np.ones((12, 512), np.float32))  # of another encoder, for the same rows
    others = ["--embeddings", tmp_path / "e.npy", tmp_path / "others"]
    assert "does not say which encoder" in told(capsys, *words[:-1], *others)
    said(capsys, *words, "x", *others)
    assert CandidateSet.open(tmp_path / "others").embedding_space == "x"


def test_a_part_of_an_export_is_refused_and_the_same_command_writes_the_rest(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["candidates", "export", str(place / "bundle"), str(tmp_path / "plain")]
    with monkeypatch.context() as patched:
        patched.setattr("pipelines.candidate_sets.plain.plain_batches", interrupting())
        assert main(words) == 130
    line = capsys.readouterr().err
    assert "The same command does the rest" in line
    (first,) = (tmp_path / "plain").iterdir()
    (tmp_path / "plain" / ".candidates-00001-of-00002.parquet.99999999.0123abcd").write_bytes(b"killed")
    stamp = first.stat().st_mtime_ns
    for part in (first, tmp_path / "plain"):
        line = told(capsys, *importing(place, "bundle", part), tmp_path / "set")
        assert "60 rows of an export of 120 candidates; run `candidates export` again" in line
    assert "1 of the files were there already" in said(capsys, *words)
    assert first.stat().st_mtime_ns == stamp
    said(capsys, *words[:3], tmp_path / "whole")
    assert [(path.name, path.read_bytes()) for path in sorted((tmp_path / "plain").iterdir())] == [
        (path.name, path.read_bytes()) for path in sorted((tmp_path / "whole").iterdir())
    ]
    pq.write_table(changed(pq.read_table(first), hash="0"), first)  # of another set
    assert "something is there already" in told(capsys, *words)


def interrupting() -> Any:
    """`plain_batches` that is interrupted in the second file."""
    asked = []

    def batches(part: Any, *more: Any) -> Any:
        asked.append(part)
        for batch in plain_batches(part, *more):
            yield batch
            if len(asked) == 2:
                raise KeyboardInterrupt

    return batches


@pytest.mark.parametrize(
    ("phrases", "message"),
    [
        ([(0, 0, None)], "row 3 has a section or phrase that the lexicon lacks"),
        ([(200, 0, None)], "row 3 has a section or phrase that the lexicon lacks"),
        ([(10, 0, None), (10, -1, None)], "row 3 has a section or phrase that the lexicon lacks"),
        ([(10, None, None)], "row 3 has a section or phrase that the lexicon lacks"),
        (None, "column phrases: list<.*: string>; must be lists of section, phrase"),
    ],
)
def test_codes_that_the_lexicon_lacks_are_told(
    place: Path, phrases: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / "own", tmp_path / "plain")
    table = pq.read_table(tmp_path / "plain")
    kind = pa.list_(pa.struct({"section": pa.int64(), "phrase": pa.int64(), "value": pa.string()}))
    codes = [[(10, 0, None)]] * 12
    if phrases is None:
        column = pa.array([["10/0"]] * 12)
    else:
        many = len(open_bundle(place / "bundle").lexicon().phrases[0])
        codes[3] = [(0, many, None)] if phrases == [(0, 0, None)] else phrases
        column = pa.array(
            [[dict(zip(("section", "phrase", "value"), each, strict=True)) for each in row] for row in codes],
            kind,
        )
    table = table.set_column(table.column_names.index("phrases"), "phrases", column)
    pq.write_table(table, tmp_path / "rows.parquet")
    line = told(capsys, *importing(place, "bundle", tmp_path / "rows.parquet"), tmp_path / "set")
    assert re.search(message, line), line


def test_a_column_that_stands_twice_is_told(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pq.read_table(plain(tmp_path / "rows.parquet"))
    pq.write_table(table.append_column("tavr", table["tavr"]), tmp_path / "rows.parquet")
    words = [*importing(place, "bundle", tmp_path / "rows.parquet"), "--embedding-space", "x"]
    assert "column tavr stands in it twice" in told(capsys, *words, tmp_path / "set")


def test_the_files_own_notice_is_kept(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "candidates", "export", place / "own", tmp_path / "plain")
    table = pq.read_table(tmp_path / "plain")
    mine = open_bundle(place / "bundle").notice
    for said_there, expected in (("Not for sale.", f"Not for sale. {mine}"), (mine, mine)):
        pq.write_table(changed(table, notice=said_there), tmp_path / "rows.parquet")
        target = tmp_path / f"set-{len(said_there)}"
        said(capsys, *importing(place, "bundle", tmp_path / "rows.parquet"), target)
        assert json.loads((target / "summary.json").read_text())["notice"] == expected


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("info {}/gone", "nothing is there"),
        ("info {}/encodings", "neither bundle.json nor summary.json there"),
        ("search {}/bundle", "give one of --row, --study and --text"),
        (
            "search {}/bundle --row 1 --study s-0001 --encodings {}/encodings",
            "give one of --row, --study and --text",
        ),
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
        (
            "search {}/other --study s-0001 --encodings {}/encodings",
            "'tiny-0', the candidates are of 'tiny-3'",
        ),
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
