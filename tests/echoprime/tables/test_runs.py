"""Run records: written at the start, completed at the end, listed in order."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy

from echoprime.storage import Location
from echoprime.tables import RunRecord, list_runs, new_run_id


def test_a_run_is_written_and_completed(place: Location) -> None:
    assert list_runs(place) == []
    run = RunRecord.start(place, "encode", {"limit": None, "batch": 8, "deep": {"a": [1, 2]}})
    (running,) = list_runs(place)
    assert running == run
    assert running.exit_code is None
    assert running.finished_at is None
    assert running.versions["numpy"] == numpy.__version__
    run.finish(3, {"videos": {"failed": 2}}, {"encode": 1.5})
    (done,) = list_runs(place)
    assert (done.exit_code, done.counts, done.seconds) == (3, {"videos": {"failed": 2}}, {"encode": 1.5})
    assert done.settings == {"limit": None, "batch": 8, "deep": {"a": [1, 2]}}
    assert done.started_at <= str(done.finished_at)
    assert done.directory == place / "runs" / run.run_id


def test_runs_are_listed_oldest_first_and_strangers_passed_over(place: Location) -> None:
    ids = [new_run_id(datetime(2026, 11, day, tzinfo=UTC)) for day in (24, 3, 17)]
    for run_id in ids:
        RunRecord.start(place, "encode", {}, run_id=run_id)
    (place / "runs/writing-encodings.json").write_bytes(b"{}")
    (place / "runs/broken/run.json").write_bytes(b"{")
    assert [run.run_id for run in list_runs(place)] == sorted(ids)


def test_run_ids_are_unique() -> None:
    now = datetime(2026, 11, 24, 8, 38, 42, tzinfo=UTC)
    assert len({new_run_id(now) for _ in range(100)}) == 100
