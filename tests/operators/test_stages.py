"""The stages called as Ray Data calls them, without Ray."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from echoprime.archive import Plan, open_manifest, plan_studies, write_manifest, write_plan
from echoprime.bundle import Bundle
from echoprime.errors import BundleError, EchoPrimeError
from echoprime.networks import load_encoder
from echoprime.reading import Limits, Reading
from echoprime.storage import Location
from operators import read_clips
from operators.classify_views import ClassifyViews
from operators.encode_videos import EncodeVideos
from operators.read_clips import ReadClips
from operators.rows import CLASSIFIED, CLIPS, CLIPS_PER_ROW, EMBEDDED, array_of, clip_counts
from operators.stop_sign import StopSign
from tests.tiny import small_loop, write_tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("stages") / "bundle")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """One study of ten videos, the last a still; one study of one damaged file."""
    place = tmp_path_factory.mktemp("stages")
    (place / "archive" / "many").mkdir(parents=True)
    (place / "archive" / "none").mkdir()
    for number in range(9):
        (place / "archive" / "many" / f"{number}.dcm").write_bytes(small_loop(number, frames=3))
    (place / "archive" / "many" / "9.dcm").write_bytes(small_loop(9, frames=1))
    (place / "archive" / "none" / "0.dcm").write_bytes(small_loop(0)[:500])
    manifest = Location.parse(place / "manifest.parquet")
    write_manifest(Location.parse(place / "archive"), manifest)
    opened = open_manifest(manifest)
    return write_plan(plan_studies(opened), Location.parse(place / "run"), root=opened.root)


@pytest.fixture(scope="module")
def clips(plan: Plan) -> list[pa.Table]:
    reader = ReadClips(plan.location, plan.root, limits=Limits())
    return [row for chunk in range(plan.chunks) for row in reader({"id": np.array([chunk])})]


def test_clips_come_in_rows_of_at_most_eight_videos(clips: list[pa.Table]) -> None:
    assert all(row.schema.equals(CLIPS) for row in clips)
    sizes = [(r["study_id"][0].as_py(), r["first"][0].as_py(), len(r["videos"][0])) for r in clips]
    assert sizes == [("many", 0, CLIPS_PER_ROW), ("many", 8, 2), ("none", 0, 1)]
    shapes = [array_of(row["clips"], 0, "uint8", (16, 224, 224, 3)).shape[0] for row in clips]
    assert shapes == [8, 1, 0]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """One study: five loops of 40 frames, a short one, a still, and one more of 40."""
    place = tmp_path_factory.mktemp("stages")
    (place / "archive" / "s").mkdir(parents=True)
    for number, frames in enumerate([40, 40, 40, 40, 40, 3, 1, 40]):
        (place / "archive" / "s" / f"{number}.dcm").write_bytes(small_loop(number, frames=frames))
    write_manifest(Location.parse(place / "archive"), Location.parse(place / "manifest.parquet"))
    manifest = open_manifest(Location.parse(place / "manifest.parquet"))
    return write_plan(plan_studies(manifest), Location.parse(place / "run"), root=manifest.root)


@pytest.mark.parametrize(
    ("clips_per_video", "videos", "clips"),
    [(1, [8], [7]), (2, [4, 4], [8, 5]), (3, [2] * 4, [6, 6, 4, 3]), (8, [1] * 8, [8] * 5 + [1, 0, 8])],
)
def test_a_row_has_no_more_than_eight_clips_and_is_cut_whatever_its_videos_are(
    long: Plan, bundle: Bundle, clips_per_video: int, videos: list[int], clips: list[int]
) -> None:
    reader = ReadClips(long.location, long.root, Limits(), clips_per_video=clips_per_video)
    rows = list(reader({"id": np.arange(long.chunks)}))
    assert [len(row["videos"][0]) for row in rows] == videos
    assert [row["first"][0].as_py() for row in rows] == [sum(videos[:n]) for n in range(len(videos))]
    held = [array_of(row["clips"], 0, "uint8", (16, 224, 224, 3)) for row in rows]
    assert [len(each) for each in held] == clips == [sum(counts[0]) for counts in map(clip_counts, rows)]


def test_every_clip_is_encoded_and_the_first_ones_are_classified(long: Plan, bundle: Bundle) -> None:
    """Together and apart; a short video's padding among whole clips is told apart."""
    encode, classify = EncodeVideos(bundle, "cpu"), ClassifyViews(bundle, "cpu")
    rows = list(ReadClips(long.location, long.root, Limits(), clips_per_video=3)({"id": np.array([0])}))
    embedded = encode(pa.concat_tables(rows))
    classified = classify(embedded)
    encoder = load_encoder(bundle)
    for at, row in enumerate(rows):
        found = array_of(classified["embeddings"], at, "float32", (512,))
        videos = [video for video in row["videos"][0].as_py() if video["outcome"] == "encoded"]
        frames = array_of(row["clips"], 0, "uint8", (16, 224, 224, 3))
        first = array_of(embedded["first_frames"], at, "uint8", (224, 224, 3))
        place = 0
        assert len(first) == len(videos) == len(row["starts"][0])
        for video, starts, shown in zip(videos, row["starts"][0].as_py(), first, strict=True):
            assert np.array_equal(shown, frames[place, 0])
            for start in starts:
                used = video["frames_used"] if start == 0 else 16
                expected = encoder.embed(frames[place][None], [used])[0]
                assert np.array_equal(found[place], expected)
                place += 1
        assert place == len(frames) == len(found)


def test_nothing_is_read_once_the_run_is_to_end(plan: Plan, tmp_path: Path) -> None:
    elsewhere = tmp_path / "run" / "plan.parquet"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(plan.location.local_path.read_bytes())
    reader = ReadClips(Location.parse(elsewhere), plan.root, limits=Limits())
    StopSign(Location.parse(elsewhere)).put()
    assert list(reader({"id": np.arange(plan.chunks)})) == []


def test_a_plan_that_is_gone_ends_the_run_in_a_line(plan: Plan, tmp_path: Path) -> None:
    elsewhere = Location.parse(tmp_path / "plan.parquet")
    reader = ReadClips(elsewhere, plan.root, limits=Limits())
    with pytest.raises(EchoPrimeError, match=r"plan cannot be read any more \(No such file.*run the same"):
        list(reader({"id": np.array([0])}))


def test_a_huge_object_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """Forty sparse gigabytes: one failed video, and no memory for them."""
    (tmp_path / "archive" / "s").mkdir(parents=True)
    with (tmp_path / "archive" / "s" / "backup").open("wb") as file:
        file.truncate(40 << 30)
    write_manifest(Location.parse(tmp_path / "archive"), Location.parse(tmp_path / "m.parquet"))
    manifest = open_manifest(Location.parse(tmp_path / "m.parquet"))
    plan = write_plan(plan_studies(manifest), Location.parse(tmp_path / "run"), root=manifest.root)
    (row,) = ReadClips(plan.location, plan.root, limits=Limits())({"id": np.array([0])})
    (video,) = row["videos"][0].as_py()
    assert (video["outcome"], video["reason"]) == ("failed", "too_large")


def test_a_read_that_hangs_is_one_failed_video(tmp_path: Path) -> None:
    """A pipe that nobody writes to, in the place of the first of three loops, as a dead mount would be."""
    folder = tmp_path / "archive" / "s"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(small_loop(number) if number else b"")
    write_manifest(Location.parse(tmp_path / "archive"), Location.parse(tmp_path / "m.parquet"))
    listed = (folder / "0.dcm").stat().st_mtime_ns
    (folder / "0.dcm").unlink()
    os.mkfifo(folder / "0.dcm")
    os.utime(folder / "0.dcm", ns=(listed, listed))
    manifest = open_manifest(Location.parse(tmp_path / "m.parquet"))
    plan = write_plan(plan_studies(manifest), Location.parse(tmp_path / "run"), root=manifest.root)
    try:
        (row,) = ReadClips(plan.location, plan.root, limits=Limits(), read_seconds=2)({"id": np.array([0])})
        found = [(video["outcome"], video["reason"]) for video in row["videos"][0].as_py()]
    finally:
        pipe = os.open(folder / "0.dcm", os.O_RDWR)  # lets the hanging thread go
        (folder / "0.dcm").unlink()  # and what it does again find nothing
        os.close(pipe)
    assert found == [("failed", "read_error"), ("encoded", ""), ("encoded", "")]


@pytest.mark.parametrize(("most", "ahead"), [(1, 0), (64 << 20, 4)])
def test_large_objects_are_not_fetched_ahead(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, most: int, ahead: int
) -> None:
    """While a file is decoded there are as many others in memory as their bytes allow."""
    monkeypatch.setattr(read_clips, "READS_AHEAD", 4)
    monkeypatch.setattr(read_clips, "BYTES_AHEAD", most)
    reader = ReadClips(plan.location, plan.root, limits=Limits())
    fetch, read = reader._fetch, reader._reader.read
    counts = {"fetched": 0, "read": 0, "most": 0}

    def counting_fetch(video: dict[str, Any]) -> bytes:
        counts["fetched"] += 1
        return fetch(video)

    def counting_read(data: bytes) -> Reading:
        counts["read"] += 1
        reading = read(data)  # slower by far than fetching from a folder
        counts["most"] = max(counts["most"], counts["fetched"] - counts["read"])
        return reading

    monkeypatch.setattr(reader, "_fetch", counting_fetch)
    monkeypatch.setattr(reader._reader, "read", counting_read)
    rows = list(reader({"id": np.arange(plan.chunks)}))
    assert sum(len(row["videos"][0]) for row in rows) == counts["read"] == 11
    assert counts["most"] == ahead


def test_networks_take_rows_without_a_clip(clips: list[pa.Table], bundle: Bundle) -> None:
    """A block whose every video failed goes through like any other."""
    encode, classify = EncodeVideos(bundle, "cpu"), ClassifyViews(bundle, "cpu")
    for batch in [pa.concat_tables(clips), clips[-1]]:
        embedded = encode(batch)
        assert embedded.schema.names == EMBEDDED.names
        classified = classify(embedded)
        assert classified.schema.names == CLASSIFIED.names
        assert classified["videos"].equals(batch["videos"])
        for row in range(len(batch)):
            encoded = sum(video["outcome"] == "encoded" for video in batch["videos"][row].as_py())
            assert array_of(classified["embeddings"], row, "float32", (512,)).shape == (encoded, 512)
            assert array_of(classified["view_probabilities"], row, "float32", (11,)).shape == (encoded, 11)
            assert len(classified["views"][row]) == encoded


def test_the_sample_is_checked_before_the_first_rows(clips: list[pa.Table], tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "one")
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    for name in ("encoder.safetensors", "view_classifier.safetensors"):
        bundle.file(name).write_bytes(other.file(name).read_bytes())
    with pytest.raises(BundleError, match="embedding differs by"):
        EncodeVideos(bundle, "cpu")(clips[0])
    embedded = EncodeVideos(other, "cpu")(clips[0])
    with pytest.raises(BundleError, match="view logits by"):
        ClassifyViews(bundle, "cpu")(embedded)


def test_a_study_of_200_loops_takes_no_more_memory_than_one_of_30(tmp_path: Path) -> None:
    """Rows leave the stage eight videos at a time; what stays is the plan's chunk and four objects ahead."""

    def peak(videos: int) -> int:
        place = tmp_path / str(videos)
        (place / "archive" / "s").mkdir(parents=True)
        loop = small_loop(1, frames=3)
        for number in range(videos):
            (place / "archive" / "s" / f"{number:03d}.dcm").write_bytes(loop)
        write_manifest(Location.parse(place / "archive"), Location.parse(place / "manifest.parquet"))
        manifest = open_manifest(Location.parse(place / "manifest.parquet"))
        plan = write_plan(plan_studies(manifest), Location.parse(place / "run"), root=manifest.root)
        reader = ReadClips(plan.location, plan.root, limits=Limits())
        seen = 0
        tracemalloc.start()
        for chunk in range(plan.chunks):
            for row in reader({"id": np.array([chunk])}):
                seen += len(row["videos"][0])
                del row
        assert seen == videos
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest + pa.default_memory_pool().max_memory()

    small, large = peak(30), peak(200)
    assert large < 1.2 * small
