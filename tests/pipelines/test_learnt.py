"""A list that learns of studies after they were encoded: rows change, no video is opened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import StudyTable, list_runs
from pipelines.encode import encode
from pipelines.manifest import list_archive
from pipelines.settings import EncodeSettings, ManifestSettings
from pipelines.summary import planned_counts


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
