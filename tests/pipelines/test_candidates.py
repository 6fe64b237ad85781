"""A candidate set of one's own through the jobs, always with at least two shards."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from echoprime.bundle import Bundle
from echoprime.errors import BundleError, SettingError, TableError
from echoprime.interpretation import Interpreter
from echoprime.retrieval import CandidateSet
from echoprime.storage import Location
from echoprime.tables import StudyTable, list_runs, newest_rows
from pipelines.candidates import build
from pipelines.cli import main
from pipelines.compare import compare
from pipelines.interpret import interpret
from pipelines.settings import CandidatesBuildSettings, CompareSettings, InterpretSettings
from pipelines.summary import show_interpretation
from tests.encoded import write_encodings
from tests.rows import rows
from tests.s3_server import S3Server
from tests.tiny import phenotypes, write_tiny_bundle

pytestmark = pytest.mark.ray
STUDIES, REPORTED = 300, 200


def settings(bundle: Bundle, output: Path, **more: Any) -> InterpretSettings:
    return InterpretSettings(
        **{"bundle": str(bundle.location), "output": str(output), "progress": False, "shards": 3, **more}
    )


@pytest.fixture(scope="module")
def output(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 drawn studies; `set` holds 200 of them, of patients who come twice."""
    place = tmp_path_factory.mktemp("candidates")
    write_encodings(place / "encodings", bundle, STUDIES)
    with (place / "reports.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["study_id", "report"])
        for number in range(REPORTED):
            text = f"Left Ventricle: Ejection fraction is {20 + number % 50} %. Unheard of. [SEP]"
            writer.writerow([f"s-{number:04d}", text])
    build(
        CandidatesBuildSettings(
            encodings=str(place / "encodings"),
            bundle=str(bundle.location),
            candidates=str(place / "set"),
            reports=str(place / "reports.csv"),
        )
    )
    return place


@pytest.fixture(scope="module")
def own(output: Path, bundle: Bundle, cluster: object) -> list[dict[str, Any]]:
    """Rows by the own set."""
    result = interpret(settings(bundle, output, candidates=str(output / "set"), name="own"))
    found = rows(output / "interpretations" / "own")
    assert result.candidates_left_out == sum(row["candidates_left_out"] for row in found)
    assert result.studies_with_left_out == sum(row["candidates_left_out"] > 0 for row in found)
    assert list_runs(Location.parse(output))[-1].counts["candidates_left_out"] == result.candidates_left_out
    assert result.studies_of_unknown_patient == 0
    return found


def test_own_study_and_patient_are_no_neighbours(own: list[dict[str, Any]], output: Path) -> None:
    encoded = StudyTable.existing(Location.parse(output / "encodings")).newest(["study_id", "patient_id"])
    patient = {row["study_id"]: row["patient_id"] for row in encoded.to_pylist()}
    in_set = [f"s-{number:04d}" for number in range(REPORTED)]
    assert len(own) == STUDIES
    for row in own:
        mine = {study for study in in_set if patient[study] == patient[row["study_id"]]}
        assert row["candidates_left_out"] == len(mine)
        near = {each["candidate"] for section in row["sections"] for each in section["neighbours"]}
        assert near
        assert not near & mine
    assert {row["candidates_left_out"] for row in own} == {0, 2}


def test_own_study_and_patient_are_no_neighbours_without_a_video_either(
    output: Path, bundle: Bundle, cluster: object
) -> None:
    """Of the job with influence, against the library asked about each study less a video."""
    made = {"candidates": str(output / "set"), "k": 7, "limit": 12, "influence": True, "name": "influence"}
    interpret(settings(bundle, output, **made))
    candidates = CandidateSet.open(output / "set")
    interpreter, shard = Interpreter(bundle, k=7, candidates=candidates), candidates.shard()
    encoded = {row["study_id"]: row for row in rows(output / "encodings")}
    mattered = 0
    for row in rows(output / "interpretations" / "influence"):
        study = encoded[row["study_id"]]
        embeddings = np.array(study["embeddings"], np.float32)
        views = np.array([bundle.views.index(video["view"]) for video in study["videos"]])
        for video in range(len(views)):
            kept = np.arange(len(views)) != video
            queries = interpreter.queries([embeddings[kept]], [views[kept]])
            names = [study["study_id"]], [study["patient_id"]]
            of_none, of_study, of_both = (
                interpreter.interpret(queries, shard.search(**interpreter.search_arguments(queries, *each)))
                for each in ((), names[:1], names)
            )
            for each in row["phenotypes"]:
                if each["videos"]:
                    name = each["phenotype"]
                    assert each["videos"][video]["value_without"] == of_both[name][0].as_py()
                    mattered += of_none[name] != of_both[name] and of_study[name] != of_both[name]
    assert mattered


def test_studies_of_unknown_patients_are_counted_and_said(
    bundle: Bundle, tmp_path: Path, cluster: object, capsys: pytest.CaptureFixture[str]
) -> None:
    write_encodings(tmp_path / "encodings", bundle, 3)
    write_encodings(tmp_path / "encodings", bundle, 2, patient_id=None)
    result = interpret(settings(bundle, tmp_path))
    assert (result.studies, result.studies_of_unknown_patient) == (3, 2)
    assert list_runs(Location.parse(tmp_path))[-1].counts["studies_of_unknown_patient"] == 2
    show_interpretation(result, str(tmp_path), "default")
    said = " ".join(capsys.readouterr().out.split())
    assert "2 studies are of an unknown patient" in said


def test_some_studies_after_others_were_marked(bundle: Bundle, tmp_path: Path, cluster: object) -> None:
    """A merge rewrites the file that they lie in."""
    table = write_encodings(tmp_path / "encodings", bundle, 20)
    gone = newest_rows(table.keys()).select(["study_id", "written_at"]).slice(0, 2)
    table.mark(gone.append_column("status", pa.array(["vanished"] * 2)))
    assert interpret(settings(bundle, tmp_path, limit=5)).studies == 5
    (tmp_path / "labels.csv").write_text("study_id,tavr\ns-0003,1\ns-0007,0\n")
    asked = CandidatesBuildSettings(
        encodings=str(tmp_path / "encodings"),
        bundle=str(bundle.location),
        candidates=str(tmp_path / "set"),
        labels=str(tmp_path / "labels.csv"),
    )
    assert build(asked) == 0


def test_values_are_means_of_the_read_labels(own: list[dict[str, Any]]) -> None:
    for row in own:
        section = row["sections"][0]
        if section["assessable"]:
            known = [20 + int(each["candidate"][2:]) % 50 for each in section["neighbours"]]
            assert row["ejection_fraction"] == pytest.approx(sum(known) / len(known))
            assert "Ejection fraction is" in section["report"]


def test_rows_do_not_depend_on_shards(own: list[dict[str, Any]], output: Path, bundle: Bundle) -> None:
    interpret(settings(bundle, output, candidates=str(output / "set"), name="five", shards=5))
    assert rows(output / "interpretations" / "five") == own


def test_another_set_is_another_interpretation(
    own: list[dict[str, Any]], output: Path, bundle: Bundle
) -> None:
    assert interpret(settings(bundle, output, candidates=str(output / "set"), name="own")).nothing_to_do
    with pytest.raises(TableError, match=r"other settings: candidates.*another --output or --name"):
        interpret(settings(bundle, output, name="own"))


def test_thresholds_make_their_calls_alone(output: Path, bundle: Bundle) -> None:
    (output / "thresholds.csv").write_text("phenotype,threshold\ntricuspid_stenosis,0.25\nimpella,\n")
    interpret(settings(bundle, output, thresholds=str(output / "thresholds.csv"), name="thresholds"))
    interpret(settings(bundle, output))
    found, default = (rows(output / "interpretations" / name) for name in ("thresholds", "default"))
    assert [name for name in found[0] if name.endswith("_call")] == ["tricuspid_stenosis_call"]
    for row, usual in zip(found, default, strict=True):
        value = row["tricuspid_stenosis"]
        assert row["tricuspid_stenosis_call"] == (None if value is None else value >= 0.25)
        assert {each.name: row[each.name] for each in phenotypes()} == {
            each.name: usual[each.name] for each in phenotypes()
        }


def test_a_set_there_and_back_gives_the_bundles_own_values(
    output: Path, bundle: Bundle, cluster: object, tmp_path: Path
) -> None:
    """Exported as plain files, imported again, interpreted by."""
    place = str(bundle.location)
    assert main(["candidates", "export", place, str(tmp_path / "plain")]) == 0
    words = ["candidates", "import", "--bundle", place, "--rows", str(tmp_path / "plain")]
    assert main([*words, str(tmp_path / "set")]) == 0
    interpret(settings(bundle, output))
    interpret(settings(bundle, output, candidates=str(tmp_path / "set"), name="back"))
    wanted = [*(each.name for each in phenotypes()), "report", "sections"]
    found, usual = (
        [[row[name] for name in wanted] for row in rows(output / "interpretations" / name)]
        for name in ("back", "default")
    )
    for row in found:  # all but the name of the set that they are of
        for section in row[-1]:
            section["report_set"] = section["report_set"] and "bundle"
            for neighbour in section["neighbours"]:
                assert neighbour["set"] == "own"
                neighbour["set"] = "bundle"
    assert found == usual


def test_compare_old_with_new(own: list[dict[str, Any]], output: Path, bundle: Bundle) -> None:
    interpret(settings(bundle, output))
    first, second = (str(output / "interpretations" / name) for name in ("default", "own"))
    assert compare(CompareSettings(first=first, second=second)) == 0
    folder = output / "comparisons" / "default" / "own"
    assert {path.name for path in folder.iterdir()} >= {"comparison.html", "studies.parquet", "calls.csv"}
    with (folder / "studies.csv").open() as file:
        assert len(list(csv.DictReader(file))) == STUDIES


def test_an_old_page_goes_before_new_tables_come(
    own: list[dict[str, Any]], output: Path, bundle: Bundle, tmp_path: Path
) -> None:
    interpret(settings(bundle, output))
    first, second = (str(output / "interpretations" / name) for name in ("default", "own"))
    asked = CompareSettings(first=first, second=second, directory=str(tmp_path))
    compare(asked)
    (tmp_path / "studies.csv").unlink()
    (tmp_path / "studies.csv").mkdir()  # no file can take its place
    with pytest.raises(OSError, match=r"studies\.csv"):
        compare(asked)
    assert not (tmp_path / "comparison.html").exists()


def test_tables_of_two_outputs_have_no_default_place(
    own: list[dict[str, Any]], output: Path, tmp_path: Path
) -> None:
    shutil.copytree(output / "interpretations" / "own", tmp_path / "interpretations" / "own")
    tables = [str(place / "interpretations" / "own") for place in (output, tmp_path)]
    with pytest.raises(SettingError, match=r"of one output; say where to write \(--directory\)"):
        compare(CompareSettings(first=tables[0], second=tables[1]))
    assert not (tmp_path / "comparisons").exists()


@pytest.mark.s3
def test_a_set_in_a_bucket_gives_the_same_rows(
    own: list[dict[str, Any]],
    output: Path,
    bundle: Bundle,
    s3_server: S3Server,
    s3_location: Location,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "cache"))
    for path in (output / "set").iterdir():
        (s3_location / "set" / path.name).write_bytes(path.read_bytes())
    interpret(settings(bundle, output, candidates=str(s3_location / "set"), name="bucket"))
    assert rows(output / "interpretations" / "bucket") == own


def test_candidates_of_another_space_are_refused(output: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=3, weights=False)
    write_encodings(tmp_path / "out" / "encodings", other, 5)
    with pytest.raises(BundleError, match=r"embedding space 'tiny-3', the candidate set is of 'tiny-0'"):
        interpret(settings(other, tmp_path / "out", candidates=str(output / "set")))
    assert not (tmp_path / "out" / "interpretations").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("phenotype,threshold\naortic_stenoses,0.5\n", "'aortic_stenoses' is no phenotype"),
        ("phenotype,threshold\ntavr,high\n", "'high' of tavr is not a number from 0 to 1"),
        ("phenotype,threshold\ntavr,1.5\n", "is not a number from 0 to 1"),
        ("phenotype,threshold\ntavr,0.5\ntavr,0.4\n", "tavr stands in it twice"),
        ("tavr,0.5\n", "looked for the columns phenotype, threshold"),
    ],
)
def test_thresholds_that_are_none_are_refused(bundle: Bundle, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SettingError, match=said):
        interpret(settings(bundle, tmp_path / "out", thresholds=str(tmp_path / "t.csv")))
    assert not (tmp_path / "out").exists()
