"""Somebody withdrawn: nothing names them any more, and every other row is what it was."""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.archive import PlannedStudy, open_manifest, open_plan, plan_studies, read_chunk, write_plan
from echoprime.archive.manifest_file import ROOT, STUDIES, STUDY_FROM, VERSION
from echoprime.bundle import Bundle
from echoprime.errors import SettingError, TableError
from echoprime.interpretation.building import CandidateSources, build_candidates
from echoprime.retrieval import CandidateFiles, CandidateSet
from echoprime.storage import Location
from echoprime.tables import (
    MANIFEST,
    SCHEMA_VERSION,
    OutputLock,
    RunRecord,
    StudyTable,
    Withdrawn,
    WriterLock,
    list_runs,
)
from echoprime.withdrawal import Search, Traces, find_traces, search
from echoprime.withdrawal.neighbours import NAMELESS
from pipelines.compact import compact_tables
from pipelines.encode import encode
from pipelines.export import export_tables
from pipelines.interpret import interpret
from pipelines.manifest import list_archive
from pipelines.run import run
from pipelines.settings import (
    EncodeSettings,
    ExportSettings,
    InterpretSettings,
    ManifestSettings,
    OutputSettings,
    RunAllSettings,
    WithdrawSettings,
)
from pipelines.status import show_status
from pipelines.summary import planned_counts
from pipelines.withdraw import withdraw
from tests.encoded import write_encodings
from tests.interpreted import write_interpretations
from tests.rows import rows
from tests.tiny import write_tiny_archive, write_tiny_bundle

STUDIES_DRAWN = 12
PATIENT, THEIRS = "p-0000", ("s-0000", "s-0001")
EVERYTHING = frozenset[str]()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("withdraw") / "bundle", weights=False)


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("withdraw") / "weighted")


@pytest.fixture(params=["folder", pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.slow])])
def place(request: pytest.FixtureRequest) -> Location:
    """As the others' fixture; a bucket takes half a minute: each file is written and searched by itself."""
    if request.param == "folder":
        return Location.parse(request.getfixturevalue("tmp_path") / "pla ce")
    found: Location = request.getfixturevalue("s3_location")
    return found


@pytest.fixture
def output(place: Location, bundle: Bundle, tmp_path: Path) -> Location:
    """Everything that the jobs leave in an output, of 12 studies of 6 patients, each row written twice."""
    out = place / "out"
    encodings = write_encodings(out / "encodings", bundle, STUDIES_DRAWN, rows_a_commit=15)
    write_encodings(out / "encodings", bundle, STUDIES_DRAWN, rows_a_commit=15)
    encoded = encodings.newest().to_pylist()
    _write_manifest(out, encoded)
    plan = (PlannedStudy(row["study_id"], row["study_key"], row["patient_id"], None, None, 0, 1,
                         tuple((video["path"], video["size"], "t") for video in row["videos"]))
            for row in encoded)  # fmt: skip
    write_plan(plan, out / "runs" / "20260101-000000-aaaaaa", root=Location.parse("/archive"))
    reports = tmp_path / "reports.csv"
    lines = [f'{row["study_id"]},"Left Ventricle: Ejection fraction is 55 %. [SEP]"\n' for row in encoded]
    reports.write_text("study_id,report\n" + "".join(lines))
    made = build_candidates(
        CandidateSources(encodings=encodings, bundle=bundle, reports=Location.parse(reports), labels=None),
        out / "own set",
    )
    studies = [
        (row["study_id"], np.array(row["embeddings"], np.float32), np.argmax(row["view_probabilities"], 1))
        for row in encoded
    ]
    for name, candidates in (("own", CandidateSet.open(made)), ("default", None)):
        write_interpretations(out / "interpretations" / name, bundle, studies, candidates=candidates, k=5)
    _write_plain_files(out, encoded)
    return out


def _write_manifest(out: Location, encoded: list[dict[str, Any]]) -> None:
    found = [
        {**{name: row[name] for name in ("study_id", "patient_id")},
         **{name: video[name] for name in ("path", "size", "token")}}
        for row in encoded for video in row["videos"]
    ]  # fmt: skip
    facts = {ROOT: "/archive", STUDY_FROM: "dicom", VERSION: str(SCHEMA_VERSION), STUDIES: str(len(encoded))}
    with (out / "manifest.parquet").writing() as file, pq.ParquetWriter(file, MANIFEST) as writer:
        writer.write_table(pa.Table.from_pylist(found, MANIFEST), row_group_size=20)
        writer.add_key_value_metadata({key.decode(): value for key, value in facts.items()})


def _write_plain_files(out: Location, encoded: list[dict[str, Any]]) -> None:
    """As `export`, `compare` and `view` write them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["study_key", "study_id", "note"])
    writer.writerows([row["study_key"], row["study_id"], 'two\nlines, "quoted"'] for row in encoded)
    (out / "comparisons" / "a" / "b" / "studies.csv").write_bytes(text.getvalue().encode())
    for row in encoded:
        (out / "pages" / f"study-{row['study_key'][:16]}.html").write_bytes(b"<p>a page</p>")
        (out / "plain" / "default-reports" / f"{row['study_key']}.txt").write_bytes(b"a report")
    links = "".join(f"<a href='study-{row['study_key'][:16]}.html'>" for row in encoded)
    (out / "pages" / "index.html").write_bytes(links.encode())
    (out / "run.html").write_bytes(b"<p>names nobody</p>")


def settings(output: Location, **more: Any) -> WithdrawSettings:
    return WithdrawSettings(
        output=str(output), **{"patient": PATIENT, **more} if "study" not in more else more
    )


def everything(output: Location) -> dict[str, list[dict[str, Any]]]:
    names = ["encodings", *(f"interpretations/{name}" for name in ("own", "default"))]
    return {name: rows(output / name, leave_out=EVERYTHING) for name in names}


def test_nothing_names_them_and_all_other_rows_are_the_same(
    output: Location, capsys: pytest.CaptureFixture[str]
) -> None:
    traces = find_traces(output, (), {PATIENT})
    assert traces.studies == set(THEIRS)
    assert len(traces.keys) == 2
    assert len(traces.paths) >= 2
    naming = search(output, traces).naming
    assert any(path.startswith("encodings/_delta_log/") for path in naming)
    before, content = everything(output), {path: (output / path).read_bytes() for path in output.files()}

    assert withdraw(settings(output, dry_run=True)) == 0
    assert "would go: 4 rows of encodings" in capsys.readouterr().out
    assert {path: (output / path).read_bytes() for path in output.files()} == content

    assert withdraw(settings(output)) == 0
    said = capsys.readouterr().out
    found = search(output, traces)
    assert found.naming == ()
    # the heartbeat is gone now
    assert f"{found.files + 1} files searched, none names them" in said
    assert not any(each in said for each in (PATIENT, *THEIRS))
    _same_but_theirs(before, everything(output))
    _other_files(output)


def _same_but_theirs(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name, old in before.items():
        others = [row for row in old if row["study_id"] not in THEIRS]
        unnamed = 0
        for row, now in zip(others, after[name], strict=True):
            named = _unname(row)
            unnamed += named
            if named:
                row, now = ({**each, "written_at": None} for each in (row, now))
            assert row == now
        assert (unnamed > 0) == (name == "interpretations/own")


def _unname(row: dict[str, Any]) -> bool:
    changed = False
    for section in row.get("sections", ()):
        for neighbour in section["neighbours"]:
            if neighbour["candidate"] in THEIRS:
                neighbour["candidate"], changed = NAMELESS, True
    return changed


def _other_files(output: Location) -> None:
    manifest = open_manifest(output / "manifest.parquet")
    assert manifest.studies == STUDIES_DRAWN - 2
    assert plan_studies(manifest, done=()).__next__().study_id == "s-0002"
    plan = open_plan(output / "runs" / "20260101-000000-aaaaaa" / "plan.parquet")
    assert plan.studies == STUDIES_DRAWN - 2
    chunks = [read_chunk(plan.location, index) for index in range(plan.chunks)]
    assert plan.videos == sum(len(videos) for chunk in chunks for videos in chunk["videos"].to_pylist())
    candidates = CandidateSet.open(CandidateFiles.open(output / "own set"))
    assert candidates.rows == STUDIES_DRAWN - 2
    assert candidates.shard(0, candidates.rows).labels == candidates.labels
    compared = (output / "comparisons" / "a" / "b" / "studies.csv").read_bytes().decode()
    assert len(list(csv.reader(io.StringIO(compared)))) == STUDIES_DRAWN - 2 + 1
    assert len((output / "pages").names()) == STUDIES_DRAWN - 2
    assert (output / "run.html").exists()
    record = list_runs(output)[-1]
    assert (record.command, record.exit_code) == ("withdraw", 0)
    assert record.counts["studies"] == 2


def test_a_file_of_somebody_elses_is_named_not_touched(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Location.parse(tmp_path)
    write_encodings(tmp_path / "encodings", bundle, 6)
    (output / "notes.md").write_bytes(b"s-0000 was odd")
    assert withdraw(settings(output)) == 3
    said = capsys.readouterr().out
    assert "1 still name them" in said
    assert "notes.md" in said
    assert (output / "notes.md").exists()


def test_a_list_names_nobody_and_can_be_lifted(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Location.parse(tmp_path)
    write_encodings(tmp_path / "encodings", bundle, 6)
    assert withdraw(settings(output, study="s-0004")) == 0
    kept = (output / "withdrawn.json").read_bytes().decode()
    assert "s-0004" not in kept
    assert [key for key, value in json.loads(kept).items() if value] == ["format", "salt", "studies"]
    assert Withdrawn.read(output).names("s-0004")
    assert not Withdrawn.read(output).names("s-0005")
    # the same again: nothing is left, and it is proved again
    assert withdraw(settings(output, study="s-0004")) == 0
    show_status(OutputSettings(output=str(output)))
    assert "withdrawn: 1 studies, 0 patients; no run brings them back" in capsys.readouterr().out
    assert withdraw(settings(output, study="s-0004", readmit=True)) == 0
    assert not Withdrawn.read(output)
    with pytest.raises(SettingError, match="none of them is on the list"):
        withdraw(settings(output, study="s-0004", readmit=True))


def test_what_cannot_be_done_is_one_line_and_changes_nothing(tmp_path: Path, bundle: Bundle) -> None:
    output = Location.parse(tmp_path)
    with pytest.raises(TableError, match="no table there"):
        withdraw(settings(output))
    write_encodings(tmp_path / "encodings", bundle, 6)
    before = everything_below(tmp_path)
    for wrong, words in (
        ({"patient": None}, "give one of"),
        ({"patients": "x.csv"}, "give one of"),
        ({"readmit": True, "dry_run": True}, "not both"),
        ({"patient": "nobody"}, "names any of them"),
    ):
        with pytest.raises(SettingError, match=words):
            withdraw(settings(output, **wrong))
    assert everything_below(tmp_path) == before


@pytest.mark.parametrize("table", ["encodings", "interpretations-not-made-yet", "manifest", "compaction"])
def test_it_is_refused_while_anything_is_written(tmp_path: Path, bundle: Bundle, table: str) -> None:
    output = Location.parse(tmp_path)
    write_encodings(tmp_path / "encodings", bundle, 6)
    before = everything_below(tmp_path)
    with WriterLock(output, table, "run"), pytest.raises(TableError, match=f"is writing {table}"):
        withdraw(settings(output))
    assert everything_below(tmp_path) == before


def test_nothing_else_is_written_while_somebody_is_withdrawn(tmp_path: Path, bundle: Bundle) -> None:
    """A compaction's new file would be removed before its commit; a listing would name them at its end."""
    output = Location.parse(tmp_path / "out")
    write_encodings(output / "encodings", bundle, 6)
    archive = write_tiny_archive(tmp_path / "archive", studies=2)
    listing = ManifestSettings(archive=str(archive), manifest=str(output / "manifest.parquet"))
    with OutputLock(output, "withdrawal"):
        with pytest.raises(TableError, match="is writing everything"):
            compact_tables(OutputSettings(output=str(output)))
        with pytest.raises(TableError, match="is writing everything"):
            list_archive(listing)
    assert compact_tables(OutputSettings(output=str(output))) == 0
    assert list_archive(listing).studies == 2


def test_a_study_of_theirs_that_was_not_there_is_not_interpreted(tmp_path: Path, bundle: Bundle) -> None:
    """An encodings table from a copy has another study of the patient: its id is on no list."""
    output = Location.parse(tmp_path)
    write_encodings(tmp_path / "encodings", bundle, 2)
    assert {row["patient_id"] for row in StudyTable.existing(output / "encodings").newest().to_pylist()} == {
        PATIENT
    }
    Withdrawn("11" * 16).adding(patients=[PATIENT]).write(output)
    result = interpret(InterpretSettings(bundle=str(bundle.location), output=str(output), progress=False))
    assert result.nothing_to_do
    assert result.studies == 0


def test_what_a_killed_process_had_not_finished_goes_too(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Location.parse(tmp_path)
    write_encodings(tmp_path / "encodings", bundle, 6)
    ours = tmp_path / f".manifest.parquet.{os.getpid()}.0123abcd"
    killed = tmp_path / ".manifest.parquet.99999999.0123abcd"
    for path in (ours, killed):
        pq.write_table(pa.table({"study_id": ["s-0004"]}), path)
    assert withdraw(settings(output, study="s-0004")) == 3
    assert not killed.exists()
    said = capsys.readouterr().out
    assert "1 unfinished files of processes that were killed" in said
    assert ours.name in said  # of a process that lives


def test_files_that_are_not_what_they_are_called_end_nothing(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Location.parse(tmp_path)
    write_encodings(tmp_path / "encodings", bundle, 6)
    pq.write_table(pa.table({"study_id": ["s-0004"]}), tmp_path / "whole.parquet")
    (output / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-20])
    (output / "cut.arrow").write_bytes(b"ARROW1 and no more")
    (output / "note.arrow").write_bytes(b"a text")
    (output / "wide.csv").write_bytes(b"study_id,text\ns-0003," + b"x" * 200_000)
    assert withdraw(settings(output, study="s-0004")) == 3
    said = capsys.readouterr().out
    assert "none names them" in said
    assert "2 files are packed or damaged" in said
    assert "cut.parquet" in said
    assert "cut.arrow" in said
    assert not find_traces(output, {"s-0004"}, ()).keys  # the whole one was emptied


@pytest.mark.parametrize("writes", range(4))
def test_killed_within_a_candidate_set_it_is_done_by_doing_it_again(
    output: Location, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], writes: int
) -> None:
    put, left = Location.put_file, [writes]

    def killed(self: Location, source: Path) -> None:
        if self.parent.name == "own set":
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
        put(self, source)

    traces = find_traces(output, (), {PATIENT})
    with monkeypatch.context() as patch:
        patch.setattr(Location, "put_file", killed)
        with pytest.raises(KeyboardInterrupt):
            withdraw(settings(output))
    assert withdraw(settings(output)) == 0
    assert search(output, traces).naming == ()
    said = capsys.readouterr().out.replace("\n", " ")
    assert "the candidate set own set, which an earlier withdrawal was killed in; make it again" in said
    assert (output / "own set").files() == []


class KilledError(BaseException):
    """No handler of errors sees it."""


def kill_at(step: int, patch: pytest.MonkeyPatch) -> list[str]:
    """Kill a withdrawal before its step of this number; the steps that were taken."""
    steps: list[str] = []

    def stepping(of: type, name: str) -> None:
        done = getattr(of, name)

        def killing(self: Any, *arguments: Any) -> Any:
            if len(steps) == step:
                raise KilledError
            steps.append(name)
            return done(self, *arguments)

        patch.setattr(of, name, killing)

    for name in ("write_bytes", "put_file", "remove"):
        stepping(Location, name)
    for name in ("erase", "append", "drop_superseded", "forget"):
        stepping(StudyTable, name)
    return steps


@pytest.mark.slow
@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_killed_anywhere_it_is_done_by_doing_it_again(output: Location, tmp_path: Path) -> None:
    """Also where nothing but the list tells the patient's studies any more."""
    traces, before = find_traces(output, (), {PATIENT}), everything(output)
    with pytest.MonkeyPatch.context() as patch:
        shutil.copytree(output.local_path, tmp_path / "whole")
        steps = kill_at(-1, patch)
        assert withdraw(settings(Location.parse(tmp_path / "whole"))) == 0
    assert {"put_file", "erase", "append", "forget", "remove"} <= set(steps)
    for step in range(2, len(steps), 9):
        there = Location.parse(tmp_path / f"killed-{step}")
        shutil.copytree(output.local_path, there.local_path)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(step, patch)
            with pytest.raises(KilledError):
                withdraw(settings(there))
        (there / "runs" / "writing-everything.json").remove()  # a killed process's would be passed over
        assert withdraw(settings(there)) == 0, step
        assert search(there, traces) == Search(len(there.files()), ()), step
        _same_but_theirs(copy.deepcopy(before), everything(there))
        shutil.rmtree(there.local_path)


def test_a_candidate_set_killed_at_its_last_removals_is_kept(
    output: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    (output / "own set" / "unrecognised.csv").write_bytes(b"words")
    with monkeypatch.context() as patch:
        patch.setattr("echoprime.withdrawal.candidate_sets._remove_others", killed)
        with pytest.raises(KeyboardInterrupt):
            withdraw(settings(output))
    assert withdraw(settings(output)) == 0
    candidates = CandidateFiles.open(output / "own set")
    assert CandidateSet.open(candidates).rows == STUDIES_DRAWN - 2
    assert set((output / "own set").files()) == {*candidates.summary["files"], "summary.json"}


def everything_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_short_ids_are_whole_values_alone(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("at 12:30 on the 12th")
    (tmp_path / "run.json").write_text('{"k": 12, "started": "2026-12"}')
    (tmp_path / "list.csv").write_text("study_id,n\n12,1\n")
    found = search(Location.parse(tmp_path), Traces(frozenset({"12"})))
    assert found.naming == ("list.csv",)


def test_a_damaged_list_is_no_empty_list(tmp_path: Path) -> None:
    (tmp_path / "withdrawn.json").write_text("{")
    with pytest.raises(TableError, match="is damaged"):
        Withdrawn.read(Location.parse(tmp_path))


def test_traces_of_old_rows_are_found_too(tmp_path: Path, bundle: Bundle) -> None:
    """A study's earlier row had another video: its path goes too."""
    table = write_encodings(tmp_path / "encodings", bundle, 6)
    videos = [{"path": "ward/older.dcm", "size": 1, "token": "t", "outcome": "encoded"}]
    old = StudyTable.existing(table.location).newest().slice(4, 1).to_pylist()
    table.append(pa.Table.from_pylist([{**old[0], "videos": videos}], table.schema))
    write_encodings(tmp_path / "encodings", bundle, 6)
    assert "ward/older.dcm" in find_traces(Location.parse(tmp_path), {"s-0004"}, ()).paths
    assert withdraw(settings(Location.parse(tmp_path), study="s-0004")) == 0


@pytest.mark.ray
@pytest.mark.slow
def test_no_run_brings_them_back_unasked(
    cluster: object, weighted: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Location.parse(tmp_path / "out")
    jobs = RunAllSettings(
        archive=str(write_tiny_archive(tmp_path / "archive", studies=3)),
        bundle=str(weighted.location),
        output=str(output),
        progress=False,
    )
    assert run(jobs) == 0
    before = rows(output / "encodings")
    assert withdraw(settings(output, study="study-1")) == 0
    capsys.readouterr()
    assert run(jobs) == 0
    assert "1 studies were withdrawn from this output, left out" in capsys.readouterr().out
    assert search(output, find_traces(output, {"study-1"}, ())).naming == ()
    for table in ("encodings", "interpretations/default"):
        assert [row["study_id"] for row in rows(output / table)] == ["study-0", "study-2"]

    # a manifest elsewhere names them still, and the plan does not
    elsewhere = str(tmp_path / "manifest.parquet")
    list_archive(ManifestSettings(archive=jobs.archive, manifest=elsewhere))
    encoding = EncodeSettings(manifest=elsewhere, bundle=jobs.bundle, output=str(output), progress=False)
    result = encode(encoding)
    assert result.nothing_to_do
    assert result.planned["withdrawn"] == 1
    assert planned_counts(result)["withdrawn from this output, left out"] == 1

    assert withdraw(settings(output, study="study-1", readmit=True)) == 0
    assert run(jobs) == 0
    assert rows(output / "encodings") == before


def test_a_manifest_in_an_output_leaves_out_all_studies_of_a_patient(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / "archive" / f"s{number}").mkdir(parents=True)
        (tmp_path / "archive" / f"s{number}" / "x.dcm").write_bytes(b"1")
    people = ["anna,s0/x.dcm,e0", "anna,s1/x.dcm,e1", ",s2/x.dcm,e2", "bert,s3/x.dcm,e3"]
    (tmp_path / "list.csv").write_text("\n".join(["patient_id,path,study_id", *people]))
    (tmp_path / "out").mkdir()
    Withdrawn("11" * 16).adding(studies=["e2"], patients=["anna"]).write(Location.parse(tmp_path / "out"))
    for folder, studies in (("out", 1), ("elsewhere", 4)):
        summary = list_archive(
            ManifestSettings(
                archive=str(tmp_path / "archive"),
                manifest=str(tmp_path / folder / "manifest.parquet"),
                study_from=str(tmp_path / "list.csv"),
            )
        )
        assert summary.studies == studies
    elsewhere = open_manifest(Location.parse(tmp_path / "elsewhere" / "manifest.parquet"))
    planning = plan_studies(elsewhere, withdrawn=Withdrawn.read(Location.parse(tmp_path / "out")))
    assert [study.study_id for study in planning] == ["e3"]
    assert (planning.counts.withdrawn, planning.counts.selected) == (3, 1)


def test_killed_in_between_it_is_done_by_doing_it_again(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows are gone, their files are not: by these the study is found again."""
    output = Location.parse(tmp_path)
    traces = Traces(frozenset({"s-0000"}))
    write_encodings(tmp_path / "encodings", bundle, 6)
    assert StudyTable.existing(output / "encodings").erase({"s-0000"}) == 1
    assert search(output, traces).naming
    elsewhere = {"manifest": "/elsewhere/manifest.parquet", "candidates": str(output / "own set")}
    RunRecord.start(output, "interpret", elsewhere)
    assert withdraw(settings(output, study="s-0000")) == 0
    assert search(output, traces).naming == ()
    said = capsys.readouterr().out.replace("\n", " ")
    assert "not reached: manifest /elsewhere/manifest.parquet" in said
    assert "candidate set /" not in said


def test_a_key_that_is_none_names_no_file(tmp_path: Path, bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    studies = [("a", rng.standard_normal((1, 512)).astype(np.float32), np.array([0]))]
    place = tmp_path / "out" / "interpretations" / "default"
    table = write_interpretations(place, bundle, studies, k=5)
    hostile = {**table.newest().to_pylist()[0], "study_key": "../../up"}
    table.append(pa.Table.from_pylist([hostile], table.schema))
    exporting = ExportSettings(output=str(tmp_path / "out"), directory=str(tmp_path / "deep" / "plain"))
    with pytest.raises(TableError, match="no hash of 32"):
        export_tables(exporting)
    assert not list(tmp_path.rglob("up*"))
