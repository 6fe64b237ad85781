"""The encode job on a real local Ray."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from echoprime.bundle import Bundle
from echoprime.errors import BundleError, TableError, VideoError
from echoprime.networks import load_encoder, load_view_classifier, softmax
from echoprime.reading import read_clip
from echoprime.storage import Location
from echoprime.tables import StudyTable, WriterLock, list_runs
from pipelines import encode as encode_module
from pipelines.encode import encode
from pipelines.manifest import list_archive
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncodeSettings, ManifestSettings
from tests.rows import rows
from tests.tiny import small_loop, write_tiny_bundle

pytestmark = pytest.mark.ray


def settings(manifest: Path, bundle: Bundle, output: Path, **more: object) -> EncodeSettings:
    """One encoder unless said otherwise: an actor more costs two seconds of importing torch."""
    places = {"manifest": str(manifest), "bundle": str(bundle.location), "output": str(output)}
    return EncodeSettings(**{**places, "progress": False, "encoders": 1, **more})


def test_every_video_has_one_outcome(encoded: Path, archive: Path) -> None:
    studies = rows(encoded / "encodings")
    found = [video["path"] for study in studies for video in study["videos"]]
    listed = [path.relative_to(archive).as_posix() for path in archive.rglob("*.dcm")]
    assert sorted(found) == sorted(listed)
    outcomes = Counter((v["outcome"], v["reason"]) for study in studies for v in study["videos"])
    assert outcomes == {("encoded", ""): 13, ("skipped", "still"): 1, ("failed", "not_decodable"): 1}
    assert list_runs(Location.parse(encoded))[0].counts == {
        "studies": 6,
        "incomplete": 0,
        "encoded": 13,
        "skipped:still": 1,
        "failed:not_decodable": 1,
    }


def test_rows_hold_what_the_library_computes(encoded: Path, archive: Path, bundle: Bundle) -> None:
    """One implementation: the same bits in the job and in a notebook."""
    encoder, classifier = load_encoder(bundle), load_view_classifier(bundle)
    for study in rows(encoded / "encodings"):
        for video in study["videos"]:
            data = (archive / video["path"]).read_bytes()
            if video["outcome"] != "encoded":
                with pytest.raises(VideoError) as refusal:
                    read_clip(data)
                assert (refusal.value.outcome, refusal.value.reason) == (video["outcome"], video["reason"])
                continue
            clip = read_clip(data)
            logits = classifier.logits(clip.frames[None, 0])
            position = video["embedding"]
            assert study["embeddings"][position] == encoder.embed(clip.frames[None], [clip.used])[0].tolist()
            assert study["view_probabilities"][position] == softmax(logits)[0].tolist()
            assert video["view"] == bundle.views[int(logits.argmax())]
            assert video["frames_used"] == clip.used


def test_rows_do_not_depend_on_actors_or_on_commits(
    encoded: Path, manifest: Path, bundle: Bundle, tmp_path: Path
) -> None:
    encode(settings(manifest, bundle, tmp_path, readers=2, encoders=1, view_classifiers=2, commit_studies=1))
    assert rows(tmp_path / "encodings") == rows(encoded / "encodings")


def test_nothing_to_do_starts_no_ray(
    encoded: Path, manifest: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(encode_module, "ray_session")
    result = encode(settings(manifest, bundle, encoded))
    assert result.nothing_to_do
    assert result.studies == 6


def test_only_what_changed_is_encoded_again(
    cluster: ClusterSize, archive: Path, bundle: Bundle, encoded: Path, tmp_path: Path
) -> None:
    """A damaged file that was replaced, and a study that is new: those two, and the old row is gone."""
    place = tmp_path / "archive"
    shutil.copytree(archive, place)
    shutil.copytree(encoded / "encodings", tmp_path / "out" / "encodings")
    manifest = tmp_path / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(place), manifest=str(manifest)))
    assert encode(settings(manifest, bundle, tmp_path / "out")).nothing_to_do

    before = {row["study_id"]: row for row in rows(tmp_path / "out" / "encodings")}
    (place / "study-1" / "damaged.dcm").write_bytes(small_loop(6))
    (place / "new").mkdir()
    (place / "new" / "1.dcm").write_bytes(small_loop(77))
    list_archive(ManifestSettings(archive=str(place), manifest=str(manifest)))
    result = encode(settings(manifest, bundle, tmp_path / "out"))

    assert result.studies == 2
    after = {row["study_id"]: row for row in rows(tmp_path / "out" / "encodings")}
    assert {name for name in after if after[name] != before.get(name)} == {"study-1", "new"}
    assert [video["outcome"] for video in after["study-1"]["videos"]] == ["encoded"] * 3
    assert StudyTable.existing(Location.parse(tmp_path / "out" / "encodings")).keys().num_rows == 7


def test_a_passing_failure_makes_a_study_incomplete_and_is_taken_up_again(
    cluster: ClusterSize, archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    place = tmp_path / "archive"
    shutil.copytree(archive / "study-2", place / "study-2")
    manifest = tmp_path / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(place), manifest=str(manifest)))
    hidden = place / "study-2" / "0.dcm"
    hidden.rename(tmp_path / "elsewhere")

    first = encode(settings(manifest, bundle, tmp_path / "out"))
    assert (first.exit_code, first.incomplete, first.outcomes["failed", "missing"]) == (3, 1, 1)
    assert rows(tmp_path / "out" / "encodings")[0]["status"] == "incomplete"

    (tmp_path / "elsewhere").rename(hidden)
    second = encode(settings(manifest, bundle, tmp_path / "out"))
    assert (second.exit_code, second.studies) == (0, 1)
    assert rows(tmp_path / "out" / "encodings")[0]["status"] == "complete"


def test_a_study_of_many_videos_is_put_together(cluster: ClusterSize, bundle: Bundle, tmp_path: Path) -> None:
    """More videos than a part of the plan holds: several parts, one row, in the order of the paths.

    The last ten are copies of earlier ones, of other parts too: each counts once.
    """
    folder = tmp_path / "archive" / "large"
    folder.mkdir(parents=True)
    loops = [small_loop(seed, frames=3) for seed in range(60)]
    for number, loop in enumerate([*loops, *loops[::6]]):
        (folder / f"{number:02d}.dcm").write_bytes(loop)
    manifest = tmp_path / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(tmp_path / "archive"), manifest=str(manifest)))
    result = encode(settings(manifest, bundle, tmp_path / "out"))
    assert result.outcomes == {("encoded", ""): 60, ("skipped", "duplicate"): 10}

    (study,) = rows(tmp_path / "out" / "encodings")
    assert [video["path"] for video in study["videos"]] == [f"large/{number:02d}.dcm" for number in range(70)]
    assert [video["embedding"] for video in study["videos"]] == [*range(60), *[None] * 10]
    messages = [video["message"] for video in study["videos"][60:]]
    assert messages == [f"the same SOP Instance UID as video {1 + n} of the study" for n in range(0, 60, 6)]
    encoder = load_encoder(bundle)
    for number in (0, 31, 32, 59):
        clip = read_clip(loops[number])
        embedding = encoder.embed(clip.frames[None], [clip.used])[0]
        assert np.array_equal(np.array(study["embeddings"][number], np.float32), embedding)
    assert len(study["embeddings"]) == len(study["view_probabilities"]) == 60


def test_a_decode_that_takes_too_long_is_one_failed_video(
    cluster: ClusterSize, archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(archive / "study-2"), manifest=str(manifest)))
    result = encode(settings(manifest, bundle, tmp_path / "out", decode_seconds=1e-6))
    assert result.outcomes == {("failed", "decoder_timeout"): 3}
    assert result.exit_code == 0


def test_what_a_limit_failed_is_taken_up_again_when_asked_for(
    cluster: ClusterSize, archive: Path, bundle: Bundle, tmp_path: Path
) -> None:
    """Six frames a loop: too long for five, and permanent until `--again` names the reason."""
    shutil.copytree(archive / "study-2", tmp_path / "archive" / "long")
    (tmp_path / "archive" / "short").mkdir()
    (tmp_path / "archive" / "short" / "1.dcm").write_bytes(small_loop(40, frames=5))
    manifest = tmp_path / "manifest.parquet"
    list_archive(ManifestSettings(archive=str(tmp_path / "archive"), manifest=str(manifest)))
    first = encode(settings(manifest, bundle, tmp_path / "out", max_frames=5))
    assert first.outcomes == {("failed", "too_large"): 3, ("encoded", ""): 1}
    (_, short) = rows(tmp_path / "out" / "encodings")
    assert encode(settings(manifest, bundle, tmp_path / "out")).nothing_to_do
    assert encode(settings(manifest, bundle, tmp_path / "out", again="decoder_timeout")).nothing_to_do

    again = encode(settings(manifest, bundle, tmp_path / "out", again="decoder_timeout,too_large"))
    assert again.outcomes == {("encoded", ""): 3}
    assert again.planned["again"] == 1
    long, unchanged = rows(tmp_path / "out" / "encodings")
    assert [video["outcome"] for video in long["videos"]] == ["encoded"] * 3
    assert [video["path"] for video in unchanged["videos"]] == ["short/1.dcm"]
    assert unchanged == short


def test_networks_that_do_not_reproduce_the_sample_end_the_job(
    cluster: ClusterSize, bundle: Bundle, manifest: Path, tmp_path: Path
) -> None:
    """Other weights under the same self-check: refused with both numbers, and nothing is written."""
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    wrong = tmp_path / "wrong"
    shutil.copytree(bundle.location.local_path, wrong)
    shutil.copy(other.location.local_path / "encoder.safetensors", wrong / "encoder.safetensors")
    with pytest.raises(
        BundleError, match=r"embedding differs by \S+ and view logits by \S+, tolerance 0.001"
    ):
        encode(EncodeSettings(manifest=str(manifest), bundle=str(wrong), output=str(tmp_path / "out")))
    assert rows(tmp_path / "out" / "encodings") == []
    assert list_runs(Location.parse(tmp_path / "out"))[-1].exit_code == 2


def test_a_table_of_other_weights_is_refused(encoded: Path, manifest: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    with pytest.raises(TableError, match=r"written with other settings.*encoder.*another --output"):
        encode(settings(manifest, other, encoded))


def test_two_runs_at_once_are_one_too_many(bundle: Bundle, manifest: Path, tmp_path: Path) -> None:
    with (
        WriterLock(Location.parse(tmp_path), "encodings", "the-first"),
        pytest.raises(TableError, match=r"run the-first .*is writing encodings"),
    ):
        encode(settings(manifest, bundle, tmp_path))


def test_a_bundle_without_weights_says_so(manifest: Path, tmp_path: Path) -> None:
    light = write_tiny_bundle(tmp_path / "light", weights=False)
    with pytest.raises(BundleError, match="has no weights, so it interprets but does not encode"):
        encode(settings(manifest, light, tmp_path / "out"))
