"""How long earlier runs took beside their work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from echoprime.storage import Location
from echoprime.tables import RunRecord
from pipelines.forecasting.start import start_of_earlier_runs
from pipelines.ray_session import ClusterSize

HERE = ClusterSize(cores=2, gpus=0, nodes=1)


def add_run(output: Location, number: int, seconds: float, work: float | None, **more: Any) -> None:
    """A record as the encode job leaves it; its times are set by hand."""
    run = RunRecord.start(output, more.pop("command", "encode"), {}, run_id=f"2026-{number:02d}")
    run.finish(0, wall={} if work is None else {"start": 1.0, "work": work, "finish": 0.5})
    file = run.directory.local_path / "run.json"
    record = json.loads(file.read_text())
    record |= {"started_at": "2026-11-24T23:59:50.000+00:00", "cluster": {"cores": 2, "gpus": 0, "nodes": 1}}
    record["finished_at"] = (
        f"2026-11-25T00:{int(seconds - 10) // 60:02d}:{int(seconds - 10) % 60:02d}.000+00:00"
    )
    file.write_text(json.dumps(record | more))


def test_without_a_run_nothing_is_known(tmp_path: Path) -> None:
    assert start_of_earlier_runs(Location.parse(str(tmp_path / "out")), HERE) is None


def test_the_latest_five_count(tmp_path: Path) -> None:
    output = Location.parse(str(tmp_path))
    for number, beside in enumerate((90, 20, 25, 30, 22, 40)):
        add_run(output, number, 100 + beside, 100.0)
    assert start_of_earlier_runs(output, HERE) == pytest.approx((25.0, 20.0, 40.0))


def test_runs_that_say_nothing_of_this_one_do_not_count(tmp_path: Path) -> None:
    output = Location.parse(str(tmp_path))
    add_run(output, 1, 130, 100.0)
    add_run(output, 2, 500, 100.0, cluster={"cores": 64, "gpus": 8, "nodes": 2})
    add_run(output, 3, 500, 100.0, exit_code=130)
    add_run(output, 4, 500, 100.0, exit_code=None, finished_at=None)
    add_run(output, 5, 500, 100.0, command="interpret")
    assert start_of_earlier_runs(output, HERE) == pytest.approx((30.0, 30.0, 30.0))
