"""Candidate sets stacked by command: what fits together, what is refused, and one interpretation by both."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import BundleError, SettingError, TableError
from echoprime.interpretation import Interpreter
from echoprime.pages.run import run_page
from echoprime.retrieval import CandidateSet, CandidateStack
from echoprime.storage import Location
from echoprime.tables import RunRecord, list_runs
from pipelines.candidate_sets.opening import open_set, opened_stack
from pipelines.cli import main
from pipelines.interpret import interpret
from pipelines.settings import InterpretSettings, OutputSettings, ViewSettings, WithdrawSettings
from pipelines.status import show_status
from pipelines.submission.checks import _check_stack
from pipelines.submission.words import read_command
from pipelines.summary import show_interpretation
from pipelines.view import write_pages
from pipelines.withdraw import _elsewhere, withdraw
from tests.encoded import write_encodings
from tests.pipelines.test_candidate_sets import said
from tests.rows import rows
from tests.tiny import CANDIDATES, write_tiny_bundle

STUDIES, REPORTED = 40, 24


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two languages, another encoder's, encodings, sets in both languages, and stacks of them."""
    folder = tmp_path_factory.mktemp("stacks")
    bundle = write_tiny_bundle(folder / "bundle", weights=False, languages=["sn"])
    write_tiny_bundle(folder / "other", weights=False, seed=3)
    write_encodings(folder / "encodings", bundle, STUDIES)
    for language in ("en", "sn"):
        with (folder / f"{language}.csv").open("w", newline="") as file:
            lexicon = bundle.lexicon(language)
            text = f"{lexicon.sections[10]}: {lexicon.phrases[10][0]}"
            lines = [[f"s-{number:04d}", text] for number in range(REPORTED)]
            csv.writer(file).writerows([["study_id", "report"], *lines])
        words = "candidates build --bundle {0}/bundle --encodings {0}/encodings --language {1}"
        assert main([*words.format(folder, language).split(), "--reports", f"{folder}/{language}.csv",
                     f"{folder}/own-{language}"]) == 0  # fmt: skip
    words = "candidates stack {0}/stack {0}/bundle {0}/own-en --names official,own"
    assert main(words.format(folder).split()) == 0
    return folder


def test_a_stack_is_a_note_of_its_sets(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [path.name for path in (place / "stack").iterdir()] == ["stack.json"]
    opened = open_set(str(place / "stack"))
    assert isinstance(opened.candidates, CandidateStack)
    assert opened.candidates.rows == CANDIDATES + REPORTED
    assert opened.candidates.hash == opened.hash
    parts = [open_set(str(place / name)) for name in ("bundle", "own-en")]
    assert opened.candidates.hashes == {
        name: part.hash for name, part in zip(("official", "own"), parts, strict=True)
    }
    official, own = opened.candidates.sets
    assert CandidateStack.of({"own": own, "official": official}).hash != opened.hash
    facts = json.loads(said(capsys, "candidates", "info", place / "stack", "--json"))
    counted = {each["name"]: each["rows"] for each in facts["sets"]}
    assert counted == {"official": CANDIDATES, "own": REPORTED}
    assert facts["patients_known"] == REPORTED
    assert facts["sections"]["Pericardium"] >= REPORTED
    shown = said(capsys, "candidates", "info", place / "stack")
    assert f"{CANDIDATES} of them of official (hash {parts[0].hash})" in shown


def test_search_says_the_set(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows are the set's, as in an interpretation's evidence."""
    words = [
        "candidates",
        "search",
        place / "stack",
        "--row",
        3,
        "--set",
        "own",
        "--k",
        CANDIDATES + REPORTED,
    ]
    found = json.loads(said(capsys, *words, "--json"))
    # its own study, and the other one of its patient
    assert len(found) == CANDIDATES + REPORTED - 2
    own = {each["row"]: each["study"] for each in found if each["set"] == "own"}
    assert own == {row: f"s-{row:04d}" for row in range(REPORTED) if row not in (2, 3)}
    assert {each["row"] for each in found if each["set"] == "official"} == set(range(CANDIDATES))
    first = ["candidates", "search", place / "stack", "--row", 3, "--k", 5, "--json"]
    assert json.loads(said(capsys, *first)) == json.loads(said(capsys, *first, "--set", "official"))
    refused = {
        "row 24: the candidate set has rows 0 to 23 of own": ["--row", REPORTED, "--set", "own"],
        "--set x: no such set; there is official, own": ["--row", 1, "--set", "x"],
    }
    for line, more in refused.items():
        assert main([str(word) for word in ["candidates", "search", place / "stack", *more]]) == 2
        assert line in capsys.readouterr().err
    assert "No fluid is drawn" in said(capsys, *words[:-2], "--k", CANDIDATES + REPORTED, "--csv")


def test_export_writes_all_of_it(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, back = tmp_path / "plain", tmp_path / "set"
    assert "144 candidates in 3 Parquet files" in said(capsys, "candidates", "export", place / "stack", plain)
    said(capsys, "candidates", "import", "--bundle", place / "bundle", "--rows", plain, back)
    stack, copy = open_set(str(place / "stack")).candidates, CandidateSet.open(back)
    whole = [
        pa.Table.from_batches([part.table for part in each.parts()]).combine_chunks()
        for each in (stack, copy)
    ]
    assert whole[0].equals(whole[1])
    files = sorted(plain.iterdir())
    assert sum(pq.read_metadata(file).num_rows for file in files) == stack.rows
    files[-1].unlink()
    assert "2 of the files were there already" in said(capsys, "candidates", "export", place / "stack", plain)


def test_languages_of_one_bundle_stand_together(place: Path, tmp_path: Path) -> None:
    sets = [str(place / "own-en"), str(place / "own-sn"), "--names", "english,backwards"]
    assert main(["candidates", "stack", str(tmp_path / "a"), *sets]) == 2
    assert main(["candidates", "stack", str(tmp_path / "a"), *sets, "--bundle", str(place / "bundle")]) == 0
    assert main(["candidates", "stack", str(tmp_path / "b"), str(place / "bundle"), *sets[1:2]]) == 0
    assert open_set(str(tmp_path / "b")).candidates.origins.names == ("bundle", "own")
    # of two bundles the one counts that has both languages
    write_tiny_bundle(tmp_path / "english", weights=False, languages=[])
    three = {"a": tmp_path / "english", "b": place / "own-sn", "c": place / "bundle"}
    parts = {name: open_set(str(each)) for name, each in three.items()}
    opened = opened_stack(Location.parse(tmp_path), parts, None).bundle
    assert opened is not None
    assert opened.languages == open_bundle(place / "bundle").languages


def test_a_set_out_of_reach_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"format": 1, "sets": [{"name": "a", "place": "s3://nowhere-to-be-found/set"}]}
    (tmp_path / "stack.json").write_text(json.dumps(content))
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        assert main(["candidates", "info", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_a_cluster_must_see_is_told(place: Path, tmp_path: Path) -> None:
    """A stack that is seen itself names folders that may not be."""
    words = [
        "interpret",
        "--bundle",
        "s3://b/bundle",
        "--output",
        "s3://b/out",
        "--candidates",
        str(place / "stack"),
    ]
    command = read_command(words)
    with pytest.raises(SettingError, match=r"set 'official' is .*, a folder of this machine"):
        _check_stack(command.places["candidates"], "--candidates", shared=False)
    _check_stack(command.places["candidates"], "--candidates", shared=True)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("{}/bundle", "1 set; name two or more"),
        ("{}/bundle {}/gone", "nothing is there"),
        ("{}/bundle {}/encodings", "neither bundle.json nor summary.json there"),
        ("{}/bundle {}/other --names a,b", "'a' are of the embedding space 'tiny-0', 'b' of 'tiny-3'"),
        ("{}/own-en {}/own-sn --names a,b", "coded by other lexicons ('en', 'sn'); give the --bundle"),
        ("{}/own-en {}/own-sn", "two of the sets are called 'own'; tell them apart by --names"),
        ("{}/bundle {}/own-en --names a", "1 names for 2 sets"),
        ("{}/bundle {}/own-en --names a,b=c", "--names 'b=c': letters, digits"),
        ("{}/bundle {}/stack --names a,b", "is a stack itself; name its sets"),
        ("{}/own-en {}/own-en --names a,b", "'a' and 'b' are the same set; name it once"),
        ("{}/bundle {}/own-sn --bundle {}/other", "another 'sn' lexicon"),
    ],
)
def test_sets_that_do_not_fit_are_refused_in_one_line(
    place: Path, words: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words.replace("{}", str(place)).split()
    assert main(["candidates", "stack", str(tmp_path / "new"), *asked]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1, shown
    assert line in shown
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("{", "stack.json is damaged"),
        ('{"format": 1, "sets": [{"name": "a"}]}', "stack.json is damaged"),
        ('{"format": 2, "sets": []}', "stack format 2, this version reads 1"),
        ('{"format": 1, "sets": []}', "names no set"),
        ('{"format": 1, "sets": [{"name": "a", "place": "HERE"}]}', "is a stack itself"),
    ],
)
def test_a_damaged_stack_is_told(content: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(content.replace("HERE", str(tmp_path)))
    with pytest.raises(BundleError, match=line):
        open_set(str(tmp_path))


def settings(place: Path, output: Path, **more: Any) -> InterpretSettings:
    return InterpretSettings(
        bundle=str(place / "bundle"),
        output=str(output),
        candidates=str(place / "stack"),
        **{"progress": False, "shards": 3, "k": 20, **more},
    )


@pytest.mark.ray
def test_interpreted_by_both(
    place: Path, cluster: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job's rows are the library's, whatever the shards; what it left out is said everywhere."""
    bundle = open_bundle(place / "bundle")
    write_encodings(tmp_path / "encodings", bundle, STUDIES)
    result = interpret(settings(place, tmp_path))
    interpret(settings(place, tmp_path, shards=2, name="two"))
    found = rows(tmp_path / "interpretations" / "default")
    assert found == rows(tmp_path / "interpretations" / "two")
    _as_the_library_says(bundle, tmp_path, found)

    near = [row for row in found if any(each["left_out"] for each in row["phenotypes"])]
    assert result.leakage is not None
    assert (result.leakage.studies, result.leakage.affected) == (STUDIES, len(near))
    assert 0 < len(near) <= REPORTED
    line = result.leakage.said()
    assert line.startswith(f"{len(near)} of {STUDIES} studies had left-out candidates")
    record = list_runs(Location.parse(tmp_path))[0]
    assert record.counts["studies_with_near_left_out"] == len(near)
    assert record.leakage == line
    assert line in run_page(record)
    capsys.readouterr()
    show_interpretation(result, str(tmp_path), "default")
    show_status(OutputSettings(output=str(tmp_path)))
    assert " ".join(capsys.readouterr().out.split()).count(line) == 3  # of two interpretations, too

    page_file = tmp_path / "page.html"
    write_pages(ViewSettings(output=str(tmp_path), study=near[0]["study_id"], page=str(page_file)))
    page = page_file.read_text()
    sets = {each["set"]: each["neighbours"] for each in near[0]["phenotypes"][0]["sets"]}
    assert f"{sets['official']} official, {sets['own']} own" in page
    assert "Value with them" in page


def _as_the_library_says(bundle: Bundle, output: Path, found: list[dict[str, Any]]) -> None:
    stack = open_set(str(bundle.location.parent / "stack")).candidates
    interpreter, shard = Interpreter(bundle, k=20, candidates=stack), stack.shard()
    encoded = rows(output / "encodings")
    queries = interpreter.queries(
        [np.array(row["embeddings"], np.float32) for row in encoded],
        [np.array([bundle.views.index(video["view"]) for video in row["videos"]]) for row in encoded],
    )
    names = [row["study_id"] for row in encoded], [row["patient_id"] for row in encoded]
    hits = shard.search(**interpreter.search_arguments(queries, *names))
    for row, expected in zip(found, interpreter.interpret(queries, hits).to_pylist(), strict=True):
        for each in expected["phenotypes"]:  # compared with nobody here
            each["nearest_percentile"] = None
        assert {name: row[name] for name in expected} == expected


def test_sets_behind_a_stack_are_named_to_who_withdraws(place: Path, tmp_path: Path) -> None:
    """The stack may lie below the output; what holds embeddings and reports does not."""
    stack = tmp_path / "out" / "stack"
    assert main(["candidates", "stack", str(stack), str(place / "bundle"), str(place / "own-en")]) == 0
    RunRecord.start(Location.parse(tmp_path / "out"), "interpret", {"candidates": str(stack)})
    named = [str(place / "bundle"), str(place / "own-en")]
    assert _elsewhere(Location.parse(tmp_path / "out")) == [("candidate set", each) for each in named]


@pytest.mark.ray
def test_a_set_without_somebody_is_another_stack(
    place: Path, cluster: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The set of one's own lies below the output; the stack that names it need not be written again."""
    bundle = open_bundle(place / "bundle")
    write_encodings(tmp_path / "out" / "encodings", bundle, STUDIES)
    words = "candidates build --bundle {0}/bundle --encodings {1}/encodings --reports {0}/en.csv {1}/own"
    assert main(words.format(place, tmp_path / "out").split()) == 0
    words = "candidates stack {1}/out/stack {0}/bundle {1}/out/own"
    assert main(words.format(place, tmp_path).split()) == 0
    asked = settings(place, tmp_path / "out")
    asked = InterpretSettings(**{**vars(asked), "candidates": str(tmp_path / "out" / "stack")})
    interpret(asked)
    before = open_set(str(tmp_path / "out" / "stack"))
    assert withdraw(WithdrawSettings(output=str(tmp_path / "out"), patient="p-0000")) == 0
    after = open_set(str(tmp_path / "out" / "stack"))
    assert (before.candidates.rows - after.candidates.rows, before.hash == after.hash) == (2, False)
    near = [
        each["candidate"]
        for row in rows(tmp_path / "out" / "interpretations" / "default")
        for section in row["sections"]
        for each in section["neighbours"]
    ]
    assert "withdrawn" in near
    assert not {"s-0000", "s-0001"} & set(near)
    with pytest.raises(TableError, match=r"other settings: candidates\.own is .*another --output or --name"):
        interpret(asked)


@pytest.mark.s3
def test_a_stack_in_a_bucket(
    place: Path, s3_location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It and one of its sets lie there, the other in a folder."""
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "cache"))
    for path in (place / "own-en").iterdir():
        (s3_location / "own" / path.name).write_bytes(path.read_bytes())
    words = [s3_location / "stack", place / "bundle", s3_location / "own", "--names", "official,own"]
    assert main(["candidates", "stack", *map(str, words)]) == 0
    assert main(["candidates", "stack", *map(str, words)]) == 2  # something is there
    found, folder = (open_set(str(each)) for each in (s3_location / "stack", place / "stack"))
    assert found.hash == folder.hash
    query = np.ones((1, 512), np.float32)
    one, other = (each.candidates.shard().search(query, np.array([0]), 50) for each in (found, folder))
    assert one.equals(other)
