"""Kinds of study, and views of a table: what is interpreted, with what, and what is said of the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from echoprime.bundle import Bundle
from echoprime.errors import SettingError, TableError
from echoprime.interpretation import Interpreter
from echoprime.retrieval import CandidateSet, drawn_rows, own_similarities
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, StudyTable, list_runs
from pipelines import interpret as job
from pipelines import interpretation_plan as plan
from pipelines.exit_codes import DONE, INTERRUPTED
from pipelines.interpret import interpret
from pipelines.settings import InterpretSettings, OutputSettings
from pipelines.status import show_status
from pipelines.summary import show_interpretation
from tests.encoded import drawn_row
from tests.rows import rows

KINDS = ("unknown", "stress", "transthoracic", "other")
PER_CHOICE = frozenset({"run_id", "written_at", "encoded_at", "interpretation_id"})


def write_encoded(output: Path, bundle: Bundle, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Encodings of a study of each kind."""
    rng = np.random.default_rng(1)
    drawn = [{**drawn_row(n, rng, bundle), "study_kind": kind} for n, kind in enumerate(kinds)]
    identity = {"encoding_id": "drawn", "embedding_space": bundle.embedding_space}
    table = StudyTable.open(Location.parse(output / "encodings"), ENCODINGS, identity=identity)
    schema = pa.schema([field for field in ENCODINGS if field.name != "written_at"])
    for row in reversed(drawn):  # a file each, not in the order of the studies
        table.append(pa.Table.from_pylist([row], schema))
    return drawn


def settings(bundle: Bundle, output: Path, **more: Any) -> InterpretSettings:
    return InterpretSettings(
        bundle=str(bundle.location), output=str(output), progress=False, shards=2, **more
    )


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_only_the_kinds_asked_for_are_interpreted(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_encoded(tmp_path, bundle, KINDS + KINDS[:2])
    result = interpret(settings(bundle, tmp_path))
    assert (result.studies, result.left_out_kinds) == (3, {"stress": 2, "other": 1})
    assert result.exit_code == 0
    default = rows(tmp_path / "interpretations" / "default", leave_out=PER_CHOICE)
    assert [(row["study_id"], row["study_kind"]) for row in default] == [
        ("s-0000", "unknown"), ("s-0002", "transthoracic"), ("s-0004", "unknown"),
    ]  # fmt: skip

    show_interpretation(result, str(tmp_path), "default")
    said = " ".join(capsys.readouterr().out.split())
    assert "3 studies of other kinds were left out: 2 stress, 1 other; --study-kinds takes them" in said
    (run,) = list_runs(Location.parse(tmp_path))
    assert run.counts["left_out_stress"] == 2
    assert json.loads((run.directory / "run.json").read_bytes())["settings"]["study_kinds"] == [
        "transthoracic", "unknown",
    ]  # fmt: skip
    show_status(OutputSettings(output=str(tmp_path)))
    said = " ".join(capsys.readouterr().out.split())
    assert "study kinds: 1 transthoracic, 2 stress, 1 other, 2 unknown" in said
    assert "--name default: 0 studies (left out by their kind: 2 stress, 1 other)" in said

    again = interpret(settings(bundle, tmp_path))
    assert again.nothing_to_do
    assert again.left_out_kinds == {"stress": 2, "other": 1}
    with pytest.raises(TableError, match="other settings: study_kinds"):
        interpret(settings(bundle, tmp_path, study_kinds=("all",)))
    interpret(settings(bundle, tmp_path, study_kinds=("all",), name="everything"))
    everything = rows(tmp_path / "interpretations" / "everything", leave_out=PER_CHOICE)
    assert len(everything) == 6
    assert [row for row in everything if row["study_kind"] in ("transthoracic", "unknown")] == default


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_views_of_a_table_take_the_place_of_the_classifiers(
    bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every chunk gets its own rows, in whatever order files and table lie."""
    monkeypatch.setattr(plan, "STUDIES_PER_CHUNK", 2)
    drawn = write_encoded(tmp_path, bundle, ["unknown"] * 7)
    given: dict[str, str | None] = {}
    for study in drawn:
        for number, video in enumerate(study["videos"]):
            position = (bundle.views.index(video["view"]) + 3) % len(bundle.views)
            given[video["path"]] = (bundle.views[position], None)[number % 2]
    kept = "s-0003/0.dcm"
    del given[kept]
    lines = [f"{path},{view or 'foetal'},0.9" for path, view in sorted(given.items(), reverse=True)]
    table, names = tmp_path / "views.csv", tmp_path / "names.csv"
    table.write_text("\n".join(["path,view,probability", *lines, f"{drawn[0]['videos'][0]['path']},A2C,0.2"]))
    names.write_text("view,echoprime_view\nfoetal,\n")

    result = interpret(settings(bundle, tmp_path, views=str(table), view_names=str(names)))
    assert (result.views_given, result.views_not_given) == (len(given), 1)
    show_interpretation(result, str(tmp_path), "default")
    said = " ".join(capsys.readouterr().out.split())
    assert f"{len(given)} videos have the view that --views says, 1 have no row there" in said
    found = rows(tmp_path / "interpretations" / "default", leave_out=PER_CHOICE)
    for study, row in zip(drawn, found, strict=True):
        used = [given.get(video["path"], video["view"]) for video in study["videos"]]
        assert row["views"] == used
        assert row["views_given"] == sum(video["path"] != kept for video in study["videos"])
        for section in row["sections"]:
            for view, share in zip(used, section["shares"], strict=False):
                assert view is not None or share == 0

    # what the library says of these views
    interpreter = Interpreter(bundle)
    places = [[-1 if view is None else bundle.views.index(view) for view in row["views"]] for row in found]
    queries = interpreter.queries(
        [np.stack(study["embeddings"]) for study in drawn], [np.array(each) for each in places]
    )
    excluded = [[study[name] for study in drawn] for name in ("study_id", "patient_id")]
    shard = CandidateSet.open(bundle).shard()
    hits = shard.search(**interpreter.search_arguments(queries, *excluded))
    own = own_similarities([shard.drawn(drawn_rows(len(shard)))], shard.search)
    library = interpreter.interpret(queries, hits, own_similarities=own).to_pylist()
    for row, expected in zip(found, library, strict=True):
        assert {name: row[name] for name in expected} == expected

    assert interpret(settings(bundle, tmp_path, views=str(table), view_names=str(names))).nothing_to_do
    with pytest.raises(TableError, match="other settings: views"):
        interpret(settings(bundle, tmp_path))


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_how_near_candidates_lie_is_said_and_recorded_and_ended_in_order(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt while it is searched for stops the shards; the same command then goes on."""
    import ray
    from ray.exceptions import RayActorError

    found: list[Any] = []

    def interrupted(drawn: object, search: Any) -> None:
        found.extend(search.args[0].handles)
        raise KeyboardInterrupt

    write_encoded(tmp_path, bundle, ["unknown"])
    monkeypatch.setattr(job, "KEPT_FROM", 1)
    with monkeypatch.context() as patch:
        patch.setattr("operators.own_similarities.own_similarities", interrupted)
        with pytest.raises(KeyboardInterrupt):
            interpret(settings(bundle, tmp_path))
    assert "how near the candidates lie to each other: once on this machine" in capsys.readouterr().err
    assert len(found) == 2
    for shard in found:
        with pytest.raises(RayActorError):
            ray.get(shard.drawn.remote(np.zeros(0, np.int64)), timeout=60)
    assert interpret(settings(bundle, tmp_path)).studies == 1
    first, second = list_runs(Location.parse(tmp_path))
    assert (first.exit_code, second.exit_code) == (INTERRUPTED, DONE)
    assert first.seconds["own_similarities"] > 0 < second.seconds["own_similarities"]


def test_a_table_of_other_videos_is_refused_and_binds_no_name(bundle: Bundle, tmp_path: Path) -> None:
    """Before Ray; and the table mended, the same name works: nothing was made."""
    write_encoded(tmp_path, bundle, ["unknown", "unknown"])
    table = tmp_path / "views.csv"
    table.write_text("path,view\n/data/s-0000/0.dcm,A4C\n")
    with pytest.raises(SettingError, match=r"none of its rows is of one of the \d encoded videos"):
        interpret(settings(bundle, tmp_path, views=str(table)))
    assert (Location.parse(tmp_path) / "interpretations").names() == []
    assert list_runs(Location.parse(tmp_path)) == []


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_a_row_of_before_the_kind_was_known_is_kept_and_counted(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study,) = write_encoded(tmp_path, bundle, ["unknown"])
    interpret(settings(bundle, tmp_path))
    table = StudyTable.existing(Location.parse(tmp_path / "encodings"))
    schema = pa.schema([field for field in ENCODINGS if field.name != "written_at"])
    table.append(pa.Table.from_pylist([{**study, "study_kind": "stress"}], schema))
    result = interpret(settings(bundle, tmp_path))
    assert (result.nothing_to_do, result.left_out_kinds) == (True, {"stress": 1})
    assert result.left_out_interpreted_before == 1
    show_interpretation(result, str(tmp_path), "default")
    assert "1 of these have a row of the time before" in capsys.readouterr().out
    assert len(rows(tmp_path / "interpretations" / "default")) == 1


def test_nothing_is_left_when_every_study_is_of_another_kind(bundle: Bundle, tmp_path: Path) -> None:
    write_encoded(tmp_path, bundle, ["stress", "stress"])
    result = interpret(settings(bundle, tmp_path))
    assert (result.nothing_to_do, result.studies, result.left_out_kinds) == (True, 0, {"stress": 2})
