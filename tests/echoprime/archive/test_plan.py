"""Plans: every video of what is to do exactly once, whatever the sizes."""

from __future__ import annotations

import multiprocessing
import random
import resource
import time
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.archive import (
    KnownStudies,
    open_manifest,
    open_plan,
    plan_studies,
    read_chunk,
    read_studies,
    study_key,
    write_plan,
)
from echoprime.archive.chunks import PLAN
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from tests.echoprime.archive.archives import synthetic_rows, write_rows

Sizes = st.lists(st.integers(1, 150), min_size=0, max_size=30)


def rows_of(sizes: list[int]) -> list[tuple[str, str, int, str]]:
    return [
        (f"s{study:03d}", f"s{study:03d}/v{video:04d}", study + video, f"{video:x}")
        for study, count in enumerate(sizes)
        for video in range(count)
    ]


def keys(rows: dict[str, str], status: str = "complete", stamp: int = 1) -> pa.Table:
    return pa.table(
        {
            "study_id": pa.array(rows.keys(), pa.string()),
            "study_key": pa.array(rows.values(), pa.string()),
            "status": pa.array([status] * len(rows), pa.string()),
            "written_at": pa.array([stamp] * len(rows), pa.int64()),
        }
    )


@settings(max_examples=60)
@given(
    sizes=Sizes,
    videos_per_part=st.integers(1, 40),
    chunk_videos=st.integers(1, 100),
    most_chunks=st.integers(1, 40),
    workers=st.integers(1, 20),
)
def test_chunks_cover_every_video_once_and_in_order(
    tmp_path_factory,
    sizes: list[int],
    videos_per_part: int,
    chunk_videos: int,
    most_chunks: int,
    workers: int,
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    rows = rows_of(sizes)
    manifest = open_manifest(write_rows(folder / "m.parquet", rows))
    planning = plan_studies(manifest, videos_per_part=videos_per_part)
    plan = write_plan(
        planning,
        Location.parse(folder),
        root=manifest.root,
        workers=workers,
        chunk_videos=chunk_videos,
        most_chunks=most_chunks,
    )
    chunks = [read_chunk(plan.location, index) for index in range(plan.chunks)]
    planned = [row for chunk in chunks for row in chunk.to_pylist()]
    videos = [(row["study_id"], v["path"], v["size"], v["token"]) for row in planned for v in row["videos"]]
    assert videos == rows
    parts = defaultdict(list)
    for row in planned:
        assert 1 <= len(row["videos"]) <= videos_per_part
        parts[row["study_id"], row["study_key"]].append((row["part"], row["parts"]))
    assert all(found == [(n, len(found)) for n in range(len(found))] for found in parts.values())
    assert len(parts) == len(sizes) == plan.studies == planning.counts.studies
    assert plan.videos == planning.counts.videos == len(rows)
    assert plan.bytes == sum(row[2] for row in rows)
    assert plan.chunks <= max(1, most_chunks)
    assert all(chunk.num_rows and chunk.schema.equals(PLAN, check_metadata=False) for chunk in chunks)
    assert open_plan(plan.location) == plan


@given(
    st.lists(st.tuples(st.text(max_size=5), st.integers(0), st.text(max_size=5)), unique_by=lambda v: v[0]),
    st.randoms(),
)
def test_study_key_does_not_depend_on_order(videos: list[tuple[str, int, str]], rng: random.Random) -> None:
    shuffled = list(videos)
    rng.shuffle(shuffled)
    assert study_key("s", videos) == study_key("s", shuffled)


def test_study_key_depends_on_everything_else() -> None:
    videos = [("a", 1, "t"), ("b", 2, "u")]
    others = [
        study_key("r", videos),
        study_key("s", videos[:1]),
        study_key("s", [("a", 1, "t"), ("b", 2, "v")]),
        study_key("s", [("a", 1, "t"), ("b", 3, "u")]),
        study_key("s", [("a", 1, "t"), ("c", 2, "u")]),
        study_key("s", [("a", 1, "u"), ("b", 2, "t")]),
    ]
    assert len({study_key("s", videos), *others}) == 7


def test_done_changed_incomplete_and_vanished_studies(tmp_path: Path) -> None:
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", rows_of([1, 2, 3, 4])))
    key = {study.study_id: study.study_key for study in plan_studies(manifest)}
    table = pa.concat_tables(
        [
            keys({"s000": key["s000"], "gone": "0" * 32}),
            keys({"s001": "1" * 32}),
            keys({"s002": key["s002"]}, status="incomplete"),
        ]
    )
    planning = plan_studies(manifest, done=KnownStudies(table))
    assert [study.study_id for study in planning] == ["s001", "s002", "s003"]
    counts = planning.counts
    assert (counts.new, counts.changed, counts.again, counts.done, counts.vanished) == (1, 1, 1, 1, 1)
    assert (counts.studies, counts.videos, counts.selected) == (3, 9, 4)


def test_a_study_that_changed_back_is_planned_again(tmp_path: Path) -> None:
    """Its key is in the table, but a newer row has other content."""
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", rows_of([1])))
    (study,) = plan_studies(manifest)
    table = pa.concat_tables([keys({"s000": study.study_key}, stamp=1), keys({"s000": "1" * 32}, stamp=2)])
    known = KnownStudies(table)
    assert study.study_key not in known
    assert known.state("s000", study.study_key) == "changed"
    assert len(list(plan_studies(manifest, done=known))) == 1


def test_plain_sets_of_keys_work_too(tmp_path: Path) -> None:
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", rows_of([1, 2])))
    done = {next(plan_studies(manifest)).study_key}
    planning = plan_studies(manifest, done=done)
    assert [study.study_id for study in planning] == ["s001"]
    assert (planning.counts.new, planning.counts.done, planning.counts.vanished) == (1, 1, None)


def test_part_of_an_archive(tmp_path: Path) -> None:
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", rows_of([1] * 6)))
    (tmp_path / "list.csv").write_text("study_id,why\ns004,x\ns001,y\nnone,z\ns001,again\n")
    studies = read_studies(Location.parse(tmp_path / "list.csv"))
    planning = plan_studies(manifest, studies=studies)
    assert [study.study_id for study in planning] == ["s001", "s004"]
    assert planning.counts.not_found == 1
    planning = plan_studies(manifest, studies=studies, limit=1)
    assert [study.study_id for study in planning] == ["s001"]
    first = list(plan_studies(manifest, limit=3))
    assert [study.study_id for study in first] == ["s000", "s001", "s002"]
    again = plan_studies(manifest, limit=3, done={study.study_key for study in first})
    assert list(again) == []
    assert list(plan_studies(manifest, limit=0)) == []


@pytest.mark.parametrize(
    ("text", "said"), [("id\nx\n", "no column study_id"), ("study_id\n \n", "names no study")]
)
def test_a_list_without_studies_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ArchiveError, match=said):
        read_studies(Location.parse(tmp_path / "list.csv"))


def test_ids_of_a_list_are_text(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("study_id\n0007\n1e3\n")
    assert read_studies(Location.parse(tmp_path / "list.csv")) == {"0007", "1e3"}


def test_a_list_with_an_open_quote_is_refused(tmp_path: Path) -> None:
    """Guessed, the studies between it and the next quote are dropped without a word."""
    (tmp_path / "list.csv").write_text('study_id,note\ns1,"5 inch\ns2,x\ns3,"y"\ns4,z\n')
    with pytest.raises(ArchiveError, match=r"list\.csv: row 2, .* cannot be read") as refusal:
        read_studies(Location.parse(tmp_path / "list.csv"))
    assert "inch" not in str(refusal.value)
    (tmp_path / "list.csv").write_bytes(b'\xef\xbb\xbfnote, study_id\r\n"5"" wide, x",s1\r\ny,s2\r\n\r\n')
    assert read_studies(Location.parse(tmp_path / "list.csv")) == {"s1", "s2"}


@pytest.mark.parametrize("order", [[1, 0], [0, 0]])
def test_an_unsorted_manifest_is_refused(tmp_path: Path, order: list[int]) -> None:
    rows = rows_of([1, 1])
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", [rows[n] for n in order]))
    with pytest.raises(ArchiveError, match="not sorted by study_id and path"):
        list(plan_studies(manifest))


def test_known_studies_against_a_dict(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows = {f"study {n}": f"{rng.getrandbits(128):032x}" for n in range(2_000)}
    rows["zero"], rows["trailing zeros"] = "0" * 32, "ab" + "0" * 30
    known = KnownStudies(keys(rows))
    assert len(known) == len(rows)
    for study, key in rows.items():
        assert key in known
        assert known.state(study, key) == "done"
    assert f"{rng.getrandbits(128):032x}" not in known
    assert known.state("other", "0" * 32) == "new"
    assert "0" * 32 not in KnownStudies(keys({}))


def test_small_jobs_have_chunks_for_all_workers(tmp_path: Path) -> None:
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", rows_of([4] * 10)))
    plan = write_plan(plan_studies(manifest), Location.parse(tmp_path), root=manifest.root, workers=5)
    assert plan.chunks == 10
    plan = write_plan(plan_studies(manifest), Location.parse(tmp_path), root=manifest.root, workers=1)
    assert plan.chunks == 5


def test_a_plan_in_a_bucket_or_folder(place: Location, tmp_path: Path) -> None:
    manifest = open_manifest(write_rows(tmp_path / "m.parquet", rows_of([70, 3])))
    plan = write_plan(plan_studies(manifest), place / "runs/x", root=manifest.root)
    assert plan.location == place / "runs/x/plan.parquet"
    found = pa.concat_tables(read_chunk(plan.location, index) for index in range(plan.chunks))
    assert [(r["study_id"], r["part"], r["parts"]) for r in found.to_pylist()] == [
        ("s000", 0, 3),
        ("s000", 1, 3),
        ("s000", 2, 3),
        ("s001", 0, 1),
    ]
    assert open_plan(plan.location).root == Location.parse("/archive")
    with pytest.raises(IndexError, match="chunks, not"):
        read_chunk(plan.location, plan.chunks)


def test_a_plan_of_nothing(tmp_path: Path) -> None:
    plan = write_plan(iter([]), Location.parse(tmp_path), root=Location.parse("/archive"))
    assert (plan.chunks, plan.studies, plan.videos, plan.bytes) == (0, 0, 0, 0)
    assert open_plan(plan.location) == plan


def _plan_a_million(folder: Path, videos: int) -> tuple[float, int, int]:
    """Seconds, MB above the start, chunks."""
    manifest = open_manifest(Location.parse(folder / "m.parquet"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    plan = write_plan(plan_studies(manifest), Location.parse(folder), root=manifest.root, workers=64)
    seconds = time.perf_counter() - started
    assert plan.videos == videos
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, plan.chunks


@pytest.mark.slow
def test_a_million_videos_are_planned_in_bounded_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    location = synthetic_rows(tmp_path / "m.parquet", 1_000_000, 50)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seconds, peak, chunks = pool.apply(_plan_a_million, (tmp_path, 1_000_000))
    started = time.perf_counter()
    plan = open_plan(location.parse(tmp_path / "plan.parquet"))
    opened = time.perf_counter()
    read_chunk(plan.location, plan.chunks // 2)
    with capsys.disabled():
        print(  # noqa: T201  # the figure is what this test is for
            f"\nplan of 1,000,000 videos: {seconds:.1f} s, {peak} MB above the start, {chunks} chunks; "
            f"opened in {opened - started:.2f} s, a chunk in {1000 * (time.perf_counter() - opened):.1f} ms"
        )
    assert peak < 300
    assert 7_500 <= chunks <= 15_000
