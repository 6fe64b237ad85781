"""`echoprime plan`: counts as the job would have them, a trial by the job's own stages, nothing written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.archive import open_manifest
from echoprime.bundle import Bundle
from echoprime.errors import SettingError, TableError
from echoprime.storage import Location
from echoprime.tables import RunRecord
from pipelines.forecasting.to_do import listed_twice
from pipelines.manifest import list_archive
from pipelines.plan import plan
from pipelines.settings import ManifestSettings, PlanSettings
from tests.tiny import small_loop, write_tiny_bundle


@pytest.fixture
def planned(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    """Run it with --json and give what it wrote."""

    def run(**settings: Any) -> dict[str, Any]:
        places = {"bundle": str(bundle.location), "output": str(tmp_path / "out"), "seconds": 240.0}
        capsys.readouterr()
        assert plan(PlanSettings(**{**places, "json": True, **settings})) == 0
        return json.loads(capsys.readouterr().out)

    return run


def files_below(place: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in place.rglob("*")}


def test_a_new_archive_is_listed_tried_and_left_as_it_is(
    planned: Callable[..., dict[str, Any]], archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("pipelines.ray_session.ray_session")  # no Ray is needed
    before = files_below(archive.parent)
    found = planned(archive=str(archive), price_per_hour=3.0)
    assert files_below(archive.parent) == before
    assert list(tmp_path.iterdir()) == []
    assert found["listed"] == {"studies": 6, "videos": 15}
    assert found["studies_by_state"]["new"] == 6
    sizes = [file.stat().st_size for file in archive.rglob("*.dcm")]
    assert found["to_do"] == {"studies": 6, "videos": 15, "bytes": sum(sizes)}
    outcomes = {
        (each["outcome"], each["reason"]): each["videos"]["value"] for each in found["forecast"]["outcomes"]
    }
    assert outcomes == {
        ("encoded", ""): pytest.approx(13),
        ("skipped", "still"): pytest.approx(1),
        ("failed", "not_decodable"): pytest.approx(1),
    }
    stages = {each["name"]: each for each in found["forecast"]["stages"]}
    assert all(stages[name]["seconds_each"]["value"] > 0 for name in ("readers", "encoders", "cores"))
    hours, model = found["forecast"]["hours"], found["rates"]
    assert 0 < hours["low"] <= hours["value"] <= hours["high"]
    assert model["cost"]["value"] == pytest.approx(3 * hours["value"])
    work = found["forecast"]["work_hours"]["value"]
    assert model["studies_per_hour"]["value"] == pytest.approx(6 / work)
    assert model["cost_per_1000_studies"]["value"] == pytest.approx(3 * work / 6 * 1000)
    assert model["study_bytes_in"] == pytest.approx(sum(sizes) / 6)
    assert model["core_clips_per_second"]["value"] > 0
    # 512 numbers of 4 bytes each, and what goes with them
    assert 13 * 2048 < found["forecast"]["output_bytes"]["value"] < 13 * 16_384


def test_the_same_seed_tries_the_same_videos(planned: Callable[..., dict[str, Any]], archive: Path) -> None:
    def sampled(**settings: Any) -> list[tuple[str, int]]:
        found = planned(archive=str(archive), sample=4, **settings)["forecast"]["outcomes"]
        return [(each["reason"], each["sampled"]) for each in found]

    assert sampled(seed=3) == sampled(seed=3)
    assert sum(count for _, count in sampled(seed=4)) in (3, 4)


def test_a_read_that_hangs_is_given_up_as_by_the_job(
    planned: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """A pipe that nobody writes into, as a dead mount answers; the trial itself may take minutes."""
    file = tmp_path / "archive" / "1.dcm"
    file.parent.mkdir()
    file.write_bytes(small_loop(5))
    list_archive(ManifestSettings(archive=str(file.parent), manifest=str(tmp_path / "manifest.parquet")))
    listed = file.stat().st_mtime_ns
    file.unlink()
    os.mkfifo(file)
    os.utime(file, ns=(listed, listed))
    started = time.monotonic()
    found = planned(manifest=str(tmp_path / "manifest.parquet"), read_seconds=1.0)
    assert [each["reason"] for each in found["forecast"]["outcomes"]] == ["read_error"]
    assert time.monotonic() - started < 60


@pytest.mark.ray
def test_what_is_done_changed_and_gone_is_told_apart(
    planned: Callable[..., dict[str, Any]], encoded: Path, archive: Path, manifest: Path, tmp_path: Path
) -> None:
    nothing = planned(manifest=str(manifest), output=str(encoded))
    assert (nothing["to_do"]["videos"], nothing["forecast"], nothing["rates"]) == (0, None, None)
    place = tmp_path / "archive"
    shutil.copytree(archive, place)
    (place / "study-1" / "damaged.dcm").write_bytes(small_loop(6))
    (place / "new").mkdir()
    (place / "new" / "1.dcm").write_bytes(small_loop(77))
    shutil.rmtree(place / "study-4")
    before = files_below(encoded)
    found = planned(archive=str(place), output=str(encoded))
    counts = found["studies_by_state"]
    assert (counts["new"], counts["changed"], counts["done"]) == (1, 1, 4)
    # of another archive, as the encode job would have it: a study that is not listed is not judged
    assert (counts["vanished"], counts["not_judged"]) == (None, 1)
    assert found["to_do"]["videos"] == 4
    assert files_below(encoded) == before


@pytest.mark.ray
def test_a_table_of_other_weights_is_refused_as_by_the_job(
    encoded: Path, manifest: Path, tmp_path: Path
) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    with pytest.raises(TableError, match="written with other settings"):
        plan(PlanSettings(manifest=str(manifest), bundle=str(other.location), output=str(encoded)))


def test_paths_that_stand_in_two_studies_are_counted(bundle: Bundle, tmp_path: Path) -> None:
    """Lists that say so are refused when they are made into a manifest: this one was joined by hand."""
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(2):
        (archive / f"{number}.dcm").write_bytes(small_loop(number))
    (tmp_path / "list.csv").write_text("path,study_id\n0.dcm,a\n1.dcm,a\n")
    manifest, twice = tmp_path / "m.parquet", tmp_path / "twice.parquet"
    list_archive(
        ManifestSettings(archive=str(archive), manifest=str(manifest), study_from=str(tmp_path / "list.csv"))
    )
    rows = pq.read_table(manifest)
    again = rows.set_column(0, rows.schema.field("study_id"), pa.array(["b", "b"]))
    facts = pq.read_metadata(manifest).metadata
    with pq.ParquetWriter(twice, rows.schema) as writer:
        writer.write_table(pa.concat_tables([rows, again]))
        writer.add_key_value_metadata({name.decode(): value.decode() for name, value in facts.items()})
    assert listed_twice(open_manifest(Location.parse(manifest))) == 0
    assert listed_twice(open_manifest(Location.parse(twice))) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "give --archive"),
        ({"archive": "a", "sample": 0}, "--sample 0"),
        ({"archive": "a", "seconds": -1.0}, "--seconds -1.0"),
        ({"archive": "a", "price_per_hour": 0.0}, "--price-per-hour 0.0"),
        ({"archive": "a", "encoders": 99}, "--encoders 99"),
        ({"archive": "a", "study_dates": "2024-"}, "--study-dates: searches a dicomweb"),
        ({"archive": "dicomweb://h/p", "study_dates": "2024-"}, "--study-dates 2024-"),
        ({"archive": "a", "modalities": ("US", "IVUS")}, "--modalities"),
        ({"archive": "a", "gpus": 4}, "--gpu-clips-per-second"),
        ({"archive": "a", "gpu_clips_per_second": 0.0}, "--gpu-clips-per-second 0.0"),
        ({"archive": "a", "gpu_clips_per_second": 90.0, "device": "cpu"}, "the job would run on cores"),
        ({"archive": ".", "output": "out"}, "--output .*out lies in the archive"),
    ],
)
def test_a_mistake_is_told_before_anything_is_read(
    bundle: Bundle, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        plan(PlanSettings(**{"bundle": str(bundle.location), "output": "out", **settings}))


def test_a_hung_read_ends_with_the_trial(planned: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """A dead mount is one of the answers, not a plan that never comes."""
    archive = tmp_path / "hung" / "s"
    archive.mkdir(parents=True)
    (archive / "0.dcm").write_bytes(b"")
    manifest = tmp_path / "m.parquet"
    list_archive(ManifestSettings(archive=str(tmp_path / "hung"), manifest=str(manifest)))
    listed = (archive / "0.dcm").stat().st_mtime_ns
    (archive / "0.dcm").unlink()
    os.mkfifo(archive / "0.dcm")
    os.utime(archive / "0.dcm", ns=(listed, listed))
    try:
        (outcome,) = planned(manifest=str(manifest), seconds=2.0)["forecast"]["outcomes"]
    finally:
        pipe = os.open(archive / "0.dcm", os.O_RDWR)
        (archive / "0.dcm").unlink()
        os.close(pipe)
    assert (outcome["outcome"], outcome["reason"]) == ("failed", "read_error")


def test_a_hung_read_does_not_keep_the_process(bundle: Bundle, tmp_path: Path) -> None:
    """The plan is said, and the command ends: nothing waits for the thread that hangs."""
    archive = tmp_path / "hung" / "s"
    archive.mkdir(parents=True)
    (archive / "0.dcm").write_bytes(b"")
    manifest = tmp_path / "m.parquet"
    list_archive(ManifestSettings(archive=str(tmp_path / "hung"), manifest=str(manifest)))
    (archive / "0.dcm").unlink()
    os.mkfifo(archive / "0.dcm")
    words = ["plan", "--manifest", manifest, "--bundle", bundle.location, "--output", tmp_path / "out"]
    process = subprocess.run(
        [sys.executable, "-m", "pipelines", *map(str, words), "--seconds", "1", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    (outcome,) = json.loads(process.stdout)["forecast"]["outcomes"]
    assert outcome["reason"] == "read_error"


def test_links_out_of_the_archive_are_listed_as_by_the_job(
    planned: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    outside, archive = tmp_path / "outside", tmp_path / "archive"
    for folder, seed in ((outside, 1), (archive / "inside", 2)):
        folder.mkdir(parents=True)
        (folder / "0.dcm").write_bytes(small_loop(seed))
    (archive / "linked").symlink_to(outside)
    found = planned(archive=str(archive))
    assert (found["listed"]["studies"], sum(found["left_out"].values())) == (1, 1)
    assert planned(archive=str(archive), follow_links=True)["listed"]["studies"] == 2


def test_gpus_that_are_elsewhere_are_reckoned_from_what_one_does(
    planned: Callable[..., dict[str, Any]], archive: Path
) -> None:
    found = planned(archive=str(archive), cores=32, gpus=4, gpu_clips_per_second=50.0, precision="bf16")
    model = found["rates"]
    assert (found["cluster"], model["core_clips_per_second"]) == ({"cores": 32, "gpus": 4}, None)
    assert model["gpu_clips_per_second"] == pytest.approx({"value": 50.0, "low": 50.0, "high": 50.0})
    assert model["cores_per_gpu"]["value"] > 0
    assert {"gpus", "readers"} < {stage["name"] for stage in found["forecast"]["stages"]}


def test_a_person_reads_what_a_machine_reads(
    bundle: Bundle, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"bundle": str(bundle.location), "output": str(tmp_path / "out"), "archive": str(archive)}
    assert plan(PlanSettings(**places, seconds=240.0, price_per_hour=3.0)) == 0
    said = capsys.readouterr().out
    for words in ("to do: 6 studies, 15 videos", "studies an hour", "cost of 1,000 studies", "one core"):
        assert words in said


def test_what_an_earlier_run_took_to_start_is_taken(
    planned: Callable[..., dict[str, Any]], archive: Path, tmp_path: Path
) -> None:
    cores = max(2, len(os.sched_getaffinity(0)))
    run = RunRecord.start(Location.parse(str(tmp_path / "out")), "encode", {})
    run.finish(0, wall={"work": 0.0}, cluster={"cores": cores, "gpus": 0, "nodes": 1})
    found = planned(archive=str(archive))["forecast"]
    assert found["hours"]["value"] - found["work_hours"]["value"] < 5 / 3600
