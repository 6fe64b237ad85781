"""`--clips-per-video`, from the setting to the table: one is as ever, several are kept and averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echoprime.bundle import Bundle
from echoprime.errors import SettingError, TableError
from echoprime.interpretation import Interpreter, StudyClips
from echoprime.networks import load_encoder, load_view_classifier
from echoprime.reading import PREPROCESSING, read_clip, read_clips
from echoprime.retrieval import CandidateSet, video_embeddings
from echoprime.storage import Location, canonical_hash
from echoprime.tables import ENCODINGS, StudyTable
from pipelines.encode import check_encoding, encode, encoding_identity
from pipelines.interpret import interpret
from pipelines.manifest import list_archive
from pipelines.run import run
from pipelines.settings import EncodeSettings, InterpretSettings, ManifestSettings, RunAllSettings
from tests.rows import rows
from tests.tiny import small_loop

STUDIES = {"long": [70, 41, 33], "short": [6, 20], "mixed": [64, 6, 1], "copies": [50, 50]}
"""Frames of their loops; one is a still, and one a copy."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clips") / "archive"
    for number, (study, frames) in enumerate(STUDIES.items()):
        (place / study).mkdir(parents=True)
        for video, count in enumerate(frames):
            seed = 10 * number + (0 if study == "copies" else video)
            (place / study / f"{video}.dcm").write_bytes(small_loop(seed, frames=count))
    return place


@pytest.fixture(scope="module")
def manifest(archive: Path) -> Path:
    place = archive.parent / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(archive), manifest=str(place)))
    return place


def settings(bundle: Bundle, **more: Any) -> EncodeSettings:
    places = {"manifest": "m", "bundle": str(bundle.location), "output": "o"}
    return EncodeSettings(**{**places, "encoders": 1, "device": "cpu", "progress": False, **more})


@pytest.fixture(scope="module")
def several(cluster: object, bundle: Bundle, archive: Path) -> Path:
    """All of it by the main job, three clips a video."""
    output = archive.parent / "several"
    asked = RunAllSettings(
        archive=str(archive), bundle=str(bundle.location), output=str(output), clips_per_video=3,
        encoders=1, shards=2, progress=False,
    )  # fmt: skip
    assert run(asked) == 0
    return output


@pytest.fixture(scope="module")
def one(cluster: object, bundle: Bundle, manifest: Path) -> Path:
    output = manifest.parent / "one"
    encode(settings(bundle, manifest=str(manifest), output=str(output)))
    return output


def test_one_is_what_encodings_were_before_there_was_a_choice(bundle: Bundle) -> None:
    """Nothing that was encoded is encoded again."""
    identity = encoding_identity(bundle, settings(bundle))
    parts = {
        **bundle.encoding_identity(),
        "preprocessing": dict(PREPROCESSING),
        "precision": "float32",
        "mode": "exact",
    }
    assert identity["encoding_id"] == canonical_hash(parts)
    assert "clips_per_video" not in identity
    three, four = (encoding_identity(bundle, settings(bundle, clips_per_video=n)) for n in (3, 4))
    assert len({each["encoding_id"] for each in (identity, three, four)}) == 3
    assert (three["clips_per_video"], three["embedding_space"]) == (3, identity["embedding_space"])


@pytest.mark.parametrize("clips", [0, 9])
def test_another_number_is_refused_before_anything_starts(bundle: Bundle, clips: int) -> None:
    with pytest.raises(SettingError, match=f"clips per video: {clips} is not between 1 and 8"):
        check_encoding(settings(bundle, clips_per_video=clips), bundle)


@pytest.mark.ray
def test_rows_hold_what_the_library_computes(several: Path, archive: Path, bundle: Bundle) -> None:
    encoder, classifier = load_encoder(bundle), load_view_classifier(bundle)
    counts: dict[str, list[int]] = {}
    for study in rows(several / "encodings"):
        assert len(study["clips"]) == len(study["embeddings"]) == len(study["view_probabilities"])
        for video in study["videos"]:
            if video["outcome"] != "encoded":
                continue
            clips = read_clips((archive / video["path"]).read_bytes(), clips_per_video=3)
            expected = np.concatenate([encoder.embed(clip.frames[None], [clip.used]) for clip in clips])
            found = study["clips"][video["embedding"]]
            assert [each["start"] for each in found] == [clip.start for clip in clips]
            assert [each["embedding"] for each in found] == expected.tolist()
            mean = video_embeddings(expected, np.array([len(clips)]))[0]
            assert np.allclose(mean, expected.astype(np.float64).mean(axis=0), rtol=1e-6)
            assert study["embeddings"][video["embedding"]] == mean.tolist()
            view = int(classifier.logits(clips[0].frames[None, 0]).argmax())
            assert video["view"] == bundle.views[view]
            counts.setdefault(study["study_id"], []).append(len(clips))
    assert counts == {"long": [3, 3, 2], "short": [1, 1], "mixed": [3, 1], "copies": [3]}


@pytest.mark.ray
def test_of_one_clip_rows_are_as_they_were(one: Path, several: Path, archive: Path, bundle: Bundle) -> None:
    """And the first of several is that clip: all else of a row is equal."""
    assert StudyTable.existing(Location.parse(one / "encodings")).schema.names == ENCODINGS.names
    encoder = load_encoder(bundle)
    for study, other in zip(rows(one / "encodings"), rows(several / "encodings"), strict=True):
        first = [clips[0]["embedding"] for clips in other["clips"]]
        same = study.keys() - {"embeddings", "encoding_id"}
        assert {name: study[name] for name in same} == {name: other[name] for name in same}
        assert study["embeddings"] == first
        for video in study["videos"]:
            if video["outcome"] == "encoded":
                clip = read_clip((archive / video["path"]).read_bytes())
                embedding = encoder.embed(clip.frames[None], [clip.used])[0].tolist()
                assert first[video["embedding"]] == embedding


@pytest.mark.ray
def test_rows_do_not_depend_on_actors_or_on_commits(
    several: Path, manifest: Path, bundle: Bundle, tmp_path: Path
) -> None:
    places = {"manifest": str(manifest), "output": str(tmp_path)}
    encode(settings(bundle, **places, clips_per_video=3, readers=2, view_classifiers=2, commit_studies=1))
    assert rows(tmp_path / "encodings") == rows(several / "encodings")


@pytest.mark.ray
def test_tables_of_another_number_do_not_mix(
    one: Path, several: Path, manifest: Path, bundle: Bundle
) -> None:
    before = rows(one / "encodings")
    with pytest.raises(TableError, match="clips_per_video is not set there and 3 here"):
        encode(settings(bundle, manifest=str(manifest), output=str(one), clips_per_video=3))
    with pytest.raises(TableError, match="clips_per_video is 3 there and 2 here"):
        encode(settings(bundle, manifest=str(manifest), output=str(several), clips_per_video=2))
    with pytest.raises(TableError, match="clips_per_video is 3 there and not set here"):
        encode(settings(bundle, manifest=str(manifest), output=str(several)))
    assert rows(one / "encodings") == before


@pytest.mark.ray
def test_the_mean_is_interpreted_and_each_clip_beside_it(one: Path, several: Path, bundle: Bundle) -> None:
    interpreter, shard = Interpreter(bundle), CandidateSet.open(bundle).shard()
    studies = rows(several / "encodings")
    means = [np.array(each["embeddings"], np.float32).reshape(-1, 512) for each in studies]
    views = [
        np.array([bundle.views.index(video["view"]) for video in each["videos"] if video["view"]], np.int64)
        for each in studies
    ]
    clips = [
        StudyClips(
            np.array([clip["embedding"] for video in each["clips"] for clip in video], np.float32),
            np.array([len(video) for video in each["clips"]], np.int64),
        )
        for each in studies
    ]
    left_out = {
        "exclude_study": [each["study_id"] for each in studies],
        "exclude_patient": [""] * len(studies),
    }
    queries = interpreter.queries(means, views)
    expected = interpreter.interpret(
        queries,
        shard.search(**interpreter.search_arguments(queries, **left_out)),
        clips=interpreter.clip_values(means, clips, views, shard.search, **left_out),
    ).to_pylist()
    found = rows(several / "interpretations" / "default")
    assert [row["phenotypes"] for row in found] == [row["phenotypes"] for row in expected]
    spread = {row["study_id"]: [each["clips"] for each in row["phenotypes"]] for row in found}
    assert {each is None for each in spread["short"]} == {True}
    assert {len(each["values"]) for each in spread["copies"] if each} == {3}

    interpret(InterpretSettings(bundle=str(bundle.location), output=str(one), shards=2, progress=False))
    for row in rows(one / "interpretations" / "default"):
        assert {each["clips"] is None for each in row["phenotypes"]} == {True}
