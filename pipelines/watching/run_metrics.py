"""Counters and gauges of a job in Ray's own metrics: its nodes serve them to Prometheus.

Ray puts `ray_` before each name. Tags are stages, outcomes and reasons; no study, patient, path or run.
None is called `job` or `instance`: Prometheus has labels of these names, and would rename ours.

Ray serves a gauge for two of its reports (20 seconds) after it was set last, so whoever sets one goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ray
from ray.util.metrics import Counter, Gauge

from pipelines.watching.ray_data import Sample

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "echoprime_studies": ("Studies committed to the table", ("pipeline",)),
    "echoprime_commits": ("Commits to the table", ("pipeline",)),
    "echoprime_videos": ("Videos by outcome and reason", ("pipeline", "outcome", "reason")),
    "echoprime_clips": ("Clips encoded", ("pipeline",)),
    "echoprime_bytes": ("Bytes of the videos that came out, as the archive lists them", ("pipeline",)),
    "echoprime_stage_seconds": ("Seconds of the actors' work by part of it", ("pipeline", "stage")),
    "echoprime_actor_seconds": (
        "Seconds of a stage's actors: working, blocked, starved, held, done",
        ("pipeline", "stage", "state"),
    ),
}
"""Name -> description and tags; Prometheus shows each with `_total` at its end."""

GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "echoprime_studies_left": ("Planned studies that are not committed yet", ("pipeline",)),
    "echoprime_rows_uncommitted": ("Whole studies that wait for the next commit", ("pipeline",)),
    "echoprime_blocks_queued": ("Blocks that wait before a stage", ("pipeline", "stage")),
    "echoprime_actors": ("Actors of a stage: working, idle, pending", ("pipeline", "stage", "state")),
    "echoprime_silent_seconds": ("Seconds since something last came out of the job", ("pipeline",)),
}
"""Name -> description and tags."""


class RunMetrics:
    """The metrics of one job; make it while Ray runs.

    Parameters
    ----------
    pipeline
        "encode" or "interpret".

    Raises
    ------
    RuntimeError
        Ray does not run.
    """

    def __init__(self, pipeline: str) -> None:
        if not ray.is_initialized():
            raise RuntimeError("metrics need a Ray that runs")
        self._pipeline = pipeline
        self._counters = {
            name: Counter(name, description=said, tag_keys=tags) for name, (said, tags) in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, description=said, tag_keys=tags) for name, (said, tags) in GAUGES.items()
        }

    def count(self, name: str, value: float, **tags: str) -> None:
        """Add to a counter; nothing is added for 0."""
        if value > 0:
            self._counters[name].inc(value, tags=self._tagged(tags))

    def set(self, name: str, value: float, **tags: str) -> None:
        """Set a gauge."""
        self._gauges[name].set(value, tags=self._tagged(tags))

    def show(self, sample: Sample) -> None:
        """Set what a sample of the stages says."""
        for stage, state in sample.items():
            self.set("echoprime_blocks_queued", state.queued, stage=stage)
            actors = {
                "working": state.active,
                "idle": max(0, state.actors - state.active),
                "pending": state.pending,
            }
            for word, count in actors.items():
                self.set("echoprime_actors", count, stage=stage, state=word)

    def _tagged(self, tags: Mapping[str, Any]) -> dict[str, str]:
        return {"pipeline": self._pipeline, **tags}
