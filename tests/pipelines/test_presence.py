"""Which archives an output holds, and when a study that is not listed has vanished; without Ray."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from echoprime.archive import (
    KnownStudies,
    open_manifest,
    plan_studies,
    table_files,
    write_manifest,
    write_plan,
)
from echoprime.bundle import Bundle
from echoprime.errors import SettingError
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, RunRecord, StudyTable, list_runs
from pipelines import encode as encode_module
from pipelines.encode import encode
from pipelines.manifest import list_archive
from pipelines.presence import mark_presence
from pipelines.settings import EncodeSettings, ManifestSettings, recorded_settings


class Output:
    """An output whose runs plan, mark and write rows as the job does, and open no video."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = Location.parse(folder / "out")
        self.table = StudyTable.open(
            self.place / "encodings", ENCODINGS, identity={"encoding_id": "drawn", "embedding_space": "drawn"}
        )

    def archive(self, name: str, *studies: str) -> Path:
        """One file a study."""
        for study in studies:
            path = self.folder / name / study / "1.dcm"
            path.parent.mkdir(parents=True)
            path.write_bytes(study.encode())
        return self.folder / name

    def run(self, archive: Path, *, same_files: bool = False, killed: bool = False) -> dict[str, int]:
        """How the studies stood to the table; `killed`: before a row was written."""
        manifest = self.place / "manifest.parquet"
        write_manifest(Location.parse(archive), manifest)
        listed = open_manifest(manifest)
        known = KnownStudies(self.table.keys(), table_files(self.table) if same_files else None)
        planning = plan_studies(listed, done=known)
        settings = EncodeSettings(
            manifest=str(manifest), bundle="bundle", output=str(self.place), same_files=same_files
        )
        left = list(planning)
        if left:
            run = RunRecord.start(self.place, "encode", recorded_settings(settings))
            write_plan(iter(left), run.directory, root=listed.root)
        planned = mark_presence(self.table, known, planning.counts, self.place, listed.root, settings)
        if left and not killed:
            self.table.append(pa.Table.from_pylist([_row(each, run.run_id) for each in left], _UNSTAMPED))
            self.table.drop_superseded()
        for name in ("studies", "videos", "selected"):
            del planned[name]
        return {name: count for name, count in planned.items() if count}

    @property
    def vanished(self) -> set[str]:
        """Studies with the mark."""
        rows = self.table.newest(["study_id", "status"]).to_pylist()
        return {row["study_id"] for row in rows if row["status"] == "vanished"}


_UNSTAMPED = pa.schema([field for field in ENCODINGS if field.name != "written_at"])


def _row(study: Any, run_id: str) -> dict[str, Any]:
    videos = [
        {"path": path, "size": size, "token": token, "outcome": "failed", "reason": "empty", "message": ""}
        for path, size, token in study.videos
    ]
    return {
        "study_id": study.study_id, "study_key": study.study_key, "study_kind": "unknown",
        "status": "complete",
        "videos": videos,
        "embeddings": [], "view_probabilities": [], "encoding_id": "drawn", "run_id": run_id,
    }  # fmt: skip


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path)


def test_a_copy_of_one_archive_says_nothing_of_another(output: Output) -> None:
    one, other = output.archive("one", "a1", "a2"), output.archive("other", "b1", "b2")
    output.run(one)
    output.run(other)
    copy = output.folder / "copy"
    shutil.copytree(one, copy)
    assert output.run(copy, same_files=True) == {"done": 2, "not_judged": 2}
    assert output.vanished == set()


def test_a_copy_of_the_only_archive_is_judged(output: Output) -> None:
    one = output.archive("one", "a1", "a2", "a3")
    output.run(one)
    copy = output.folder / "copy"
    shutil.copytree(one, copy)
    shutil.rmtree(copy / "a3")
    (copy / "a2" / "1.dcm").write_bytes(b"another size")
    assert output.run(copy, same_files=True) == {"done": 1, "changed": 1, "vanished": 1}
    assert output.vanished == {"a3"}
    # The copy is no other archive: the first is judged as before.
    shutil.rmtree(one / "a1")
    assert output.run(one)["vanished"] == 1
    assert output.vanished == {"a1"}


def test_an_archive_that_began_with_the_flag_is_one(output: Output) -> None:
    one, other = output.archive("one", "a1"), output.archive("other", "b1")
    output.run(one, same_files=True)
    assert output.run(other) == {"new": 1, "not_judged": 1}
    assert output.run(one, same_files=True) == {"done": 1, "not_judged": 1}


def test_a_run_that_wrote_nothing_is_no_archive(output: Output) -> None:
    """A wrong path once, stopped at once."""
    one, other = output.archive("one", "a1", "a2"), output.archive("other", "b1")
    output.run(one)
    output.run(other, killed=True)
    shutil.rmtree(one / "a2")
    assert output.run(one) == {"done": 1, "vanished": 1}
    assert output.vanished == {"a2"}


def test_equal_names_of_two_archives_are_said(output: Output) -> None:
    one, other = output.archive("one", "a", "b"), output.archive("other", "a")
    output.run(one)
    assert output.run(other) == {"changed": 1, "perhaps_replaced": 1, "not_judged": 1}
    assert "perhaps_replaced" not in Output(output.folder / "alone").run(one)


def test_a_run_without_room_ends_and_is_no_archive(
    bundle: Bundle, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_module, "BYTES_PER_VIDEO", 1 << 53)
    manifest, output = tmp_path / "manifest.parquet", tmp_path / "out"
    list_archive(ManifestSettings(archive=str(archive), manifest=str(manifest)))
    settings = EncodeSettings(manifest=str(manifest), bundle=str(bundle.location), output=str(output))
    with pytest.raises(SettingError, match="make room"):
        encode(settings)
    (run,) = list_runs(Location.parse(output))
    assert (run.exit_code, run.counts["studies"]) == (2, 0)
    assert run.finished_at is not None
