"""The encode job on zip and tar files: the same rows as from folders, and none for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from pipelines.encode import encode
from pipelines.manifest import list_archive
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncodeSettings, ManifestSettings
from tests.echoprime.archive.packed import tarred, zipped
from tests.rows import rows

PACK = {"zip": zipped, "tar": tarred, "tgz": lambda members: tarred(members, packed="gz")}


@pytest.mark.ray
def test_packed_studies_give_the_rows_of_folders(
    cluster: ClusterSize, bundle: Bundle, archive: Path, encoded: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "archive"
    packed.mkdir()
    for number, folder in enumerate(sorted(archive.iterdir())):
        members = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
        ending = list(PACK)[number % 3]
        (packed / f"{folder.name}.{ending}").write_bytes(PACK[ending](members))
    whole = (packed / "study-0.zip").read_bytes()
    (packed / "broken.zip").write_bytes(whole[: len(whole) // 2])
    manifest, output = tmp_path / "m.parquet", tmp_path / "out"
    summary = list_archive(ManifestSettings(archive=str(packed), manifest=str(manifest)))
    assert (summary.studies, summary.videos) == (7, 16)
    settings = EncodeSettings(
        manifest=str(manifest),
        bundle=str(bundle.location),
        output=str(output),
        readers=1,
        encoders=1,
        view_classifiers=1,
    )
    result = encode(settings)
    assert result.outcomes["failed", "not_decodable"] == 2
    found = {row["study_id"]: row for row in rows(output / "encodings")}
    (broken,) = found.pop("broken.zip")["videos"]
    assert (broken["outcome"], broken["path"]) == ("failed", "broken.zip!/")
    assert "damaged" in broken["message"]
    there = {row["study_id"]: row for row in rows(encoded / "encodings")}
    assert {study.rpartition(".")[0] for study in found} == set(there)
    for study, row in found.items():
        same = there[study.rpartition(".")[0]]
        for name in ("status", "study_kind", "embeddings", "view_probabilities"):
            assert row[name] == same[name]
        assert [_but_its_place(video) for video in row["videos"]] == [
            _but_its_place(video) for video in same["videos"]
        ]
    assert encode(settings).nothing_to_do


def _but_its_place(video: dict) -> dict:
    return {**video, "path": video["path"].rpartition("/")[2], "token": ""}
