"""A list that learns of studies after they were encoded: rows change, no video is opened."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import StudyTable, list_runs
from pipelines.encode import encode
from pipelines.interpret import interpret
from pipelines.manifest import list_archive
from pipelines.settings import EncodeSettings, InterpretSettings, ManifestSettings
from pipelines.summary import planned_counts
from tests.rows import rows


@pytest.mark.ray
def test_a_kind_that_is_learnt_later(encoded: Path, archive: Path, bundle: Bundle, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(encoded / "encodings", output / "encodings")
    videos = sorted(path for path in archive.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(archive)},{path.parent.name}" for path in videos]
    (tmp_path / "l.csv").write_text(
        "path,study_id,study_kind\n"
        + "".join(f"{each},{'TEE' if 'study-3' in each else ''}\n" for each in lines)
    )
    manifest = tmp_path / "m.parquet"
    list_archive(
        ManifestSettings(archive=str(archive), manifest=str(manifest), study_from=str(tmp_path / "l.csv"))
    )
    settings = EncodeSettings(manifest=str(manifest), bundle=str(bundle.location), output=str(output))
    result = encode(settings)
    assert result.nothing_to_do
    assert result.planned["learnt"] == 1
    assert any("changed without encoding again" in words for words in planned_counts(result))
    table = StudyTable.existing(Location.parse(output / "encodings")).newest(["study_id", "study_kind"])
    kinds = dict(zip(*(table[name].to_pylist() for name in ("study_id", "study_kind")), strict=True))
    assert kinds.pop("study-3") == "transoesophageal"
    assert set(kinds.values()) == {"unknown"}
    assert encode(settings).planned["learnt"] == 0
    assert not list_runs(Location.parse(output))


@pytest.mark.ray
def test_a_patient_and_a_kind_that_are_learnt_later_are_interpreted(
    encoded: Path, archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    """Only the studies that changed are interpreted again, and none of another kind."""
    output = tmp_path / "out"
    shutil.copytree(encoded / "encodings", output / "encodings")
    choices = InterpretSettings(bundle=str(bundle.location), output=str(output), progress=False, shards=2)
    assert interpret(choices).studies == 6
    place = output / "interpretations" / "default"
    before = {row["study_id"]: row for row in rows(place)}

    said = {"study-2": "P-2,2180-01-02T03:04:05Z,", "study-3": ",,TEE", "study-4": ",,TTE"}
    lines = [
        f"{path.relative_to(archive)},{path.parent.name},{said.get(path.parent.name, ',,')}"
        for path in sorted(archive.rglob("*"))
        if path.is_file()
    ]
    (tmp_path / "l.csv").write_text("\n".join(["path,study_id,patient_id,acquired_at,study_kind", *lines]))
    manifest = tmp_path / "m.parquet"
    list_archive(
        ManifestSettings(archive=str(archive), manifest=str(manifest), study_from=str(tmp_path / "l.csv"))
    )
    settings = EncodeSettings(manifest=str(manifest), bundle=str(bundle.location), output=str(output))
    assert encode(settings).planned["learnt"] == 3

    result = interpret(choices)
    assert (result.studies, result.left_out_kinds) == (2, {"transoesophageal": 1})
    assert result.left_out_interpreted_before == 1
    after = {row["study_id"]: row for row in rows(place)}
    assert {study for study in before if before[study] != after[study]} == {"study-2", "study-4"}
    assert after["study-2"]["patient_id"] == "P-2"
    assert after["study-2"]["acquired_at"] == datetime(2180, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert after["study-4"]["study_kind"] == "transthoracic"
    facts = {"patient_id", "acquired_at", "study_kind", "encoded_at", "written_at", "run_id"}
    for study in ("study-2", "study-4"):  # of the tiny candidates none is of that patient
        values = {name: value for name, value in before[study].items() if name not in facts}
        assert {name: after[study][name] for name in values} == values
    assert interpret(choices).nothing_to_do
    assert len(rows(place)) == 6
