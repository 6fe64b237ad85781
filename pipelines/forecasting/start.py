"""How long a job takes beside its work: as earlier runs into the same output took, or as was measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from statistics import median

from echoprime.storage import Location
from echoprime.tables import list_runs
from pipelines.exit_codes import DONE, INCOMPLETE
from pipelines.forecasting.ranges import Range
from pipelines.ray_session import ClusterSize

START_SECONDS = Range(15.0, 10.0, 30.0)
"""Of a job on a Ray of its own, the networks' loading apart, where no run went before.

A sum of parts, measured on two quiet cores: Ray imported 2 s, started 6, its first actors 5, a last commit 1;
the ends are no measurement. `benchmarks/forecast.py` prints what whole runs take beside their work."""

RUNS = 5
"""The latest of them count."""


def start_of_earlier_runs(output: Location, cluster: ClusterSize) -> Range | None:
    """Seconds that encode runs took beside their work: Ray, actors, loading, the last commit.

    Parameters
    ----------
    output
        Where they wrote; need not be there.
    cluster
        Runs on more or fewer cores or GPUs do not count.

    Returns
    -------
    Range
        Median, least and most of the latest ones; None where there was none.
    """
    seconds = list(_beside_work(output, cluster))[-RUNS:]
    return Range(median(seconds), min(seconds), max(seconds)) if seconds else None


def _beside_work(output: Location, cluster: ClusterSize) -> Iterator[float]:
    for run in list_runs(output):
        ended = run.exit_code in (DONE, INCOMPLETE) and run.finished_at is not None
        alike = (run.cluster.get("cores"), run.cluster.get("gpus")) == (cluster.cores, cluster.gpus)
        if not ended or run.command != "encode" or not alike:
            continue
        whole = datetime.fromisoformat(run.finished_at or "") - datetime.fromisoformat(run.started_at)
        yield max(0.0, whole.total_seconds() - run.wall.get("work", 0.0))
