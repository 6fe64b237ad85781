"""One job watched while its rows come: stages, log, metrics and watchdog, fed from one place."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from operators.stop_sign import StopSign
from pipelines.watching.block_records import forgetting_blocks
from pipelines.watching.ray_data import Sample, sampled
from pipelines.watching.run_log import event
from pipelines.watching.run_metrics import RunMetrics
from pipelines.watching.scheduler_steps import at_each_step
from pipelines.watching.stage_clock import StageClock, waits
from pipelines.watching.steering import STEP_SECONDS, Steering
from pipelines.watching.watchdog import Watchdog

log = logging.getLogger(__name__)

SHOW_SECONDS = 1.0
"""Gauges are set so often; Ray serves them every few seconds."""


class JobWatch:
    """What is known of a job while it runs; `watched` makes one.

    Parameters
    ----------
    job
        "encode" or "interpret".
    studies
        Planned.
    say
        Shows a line to whoever started the job.
    """

    def __init__(self, job: str, studies: int, say: Callable[[str], None]) -> None:
        self._job = job
        self._studies = studies
        self._say = say
        self._clock = StageClock()
        self._metrics = RunMetrics(job)
        self._committed = 0
        self._uncommitted = 0
        self._counted: dict[tuple[str, str], int] = {}
        self._spent: dict[tuple[str, str], float] = {}
        self._heard = self._rested = self._shown = time.monotonic()
        self._waited = self._worked = 0.0
        self._working = False
        self.watchdog: Watchdog | None = None
        self.steering: Steering | None = None

    @property
    def driver_seconds(self) -> float:
        """Seconds that the driver spent between rows: studies put together, commits."""
        return self._worked

    @property
    def _left(self) -> int:
        return max(0, self._studies - self._committed)

    def rows(self, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The batches as they come, with a note of when they did."""
        came = None
        stream = iter(batches)
        while True:
            asked = time.monotonic()
            batch = next(stream, None)
            now = time.monotonic()
            if came is not None:  # before the first row the driver waits for the start
                self._waited += now - asked
            if batch is None:
                return
            came = self._heard = now
            self._clock.begin()
            if self.watchdog is not None:
                self.watchdog.hear()
            self._working = True
            yield batch
            self._working = False
            self._rested = time.monotonic()
            self._worked += self._rested - now

    def sample(self, sample: Sample) -> None:
        """Take a sample of the stages; called from the scheduler's thread."""
        self._clock.add(sample)
        now = time.monotonic()
        if now - self._shown >= SHOW_SECONDS:
            self._shown = now
            self.show()

    def show(self) -> None:
        """Set every gauge and add what the stages' actors did since the last time."""
        self._metrics.show(self._clock.latest)
        self._metrics.set("echoprime_silent_seconds", time.monotonic() - self._heard)
        self._metrics.set("echoprime_studies_left", self._left)
        self._metrics.set("echoprime_rows_uncommitted", self._uncommitted)
        for stage, states in self._clock.actor_seconds().items():
            for state, seconds in states.items():
                before = self._spent.get((stage, state), 0.0)
                self._metrics.count("echoprime_actor_seconds", seconds - before, stage=stage, state=state)
                self._spent[stage, state] = seconds

    def count(self, *, clips: int = 0, size: int = 0, seconds: Mapping[str, float] | None = None) -> None:
        """Count what came out with a batch: clips, bytes of the videos, seconds of each part of the work."""
        self._metrics.count("echoprime_clips", clips)
        self._metrics.count("echoprime_bytes", size)
        for stage, spent in (seconds or {}).items():
            self._metrics.count("echoprime_stage_seconds", spent, stage=stage)

    def outcomes(self, videos: Mapping[tuple[str, str], int]) -> None:
        """Count videos by outcome and reason; the numbers are those of the whole run until now."""
        for (outcome, reason), number in videos.items():
            before = self._counted.get((outcome, reason), 0)
            self._metrics.count("echoprime_videos", number - before, outcome=outcome, reason=reason)
            self._counted[outcome, reason] = number

    def commit(self, studies: int, seconds: float) -> None:
        """A commit of so many studies took so many seconds."""
        self._committed += studies
        self._metrics.count("echoprime_studies", studies)
        self._metrics.count("echoprime_commits", 1)
        self._metrics.count("echoprime_stage_seconds", seconds, stage="commit")
        event(
            "commit", studies=studies, seconds=round(seconds, 3), committed=self._committed, left=self._left
        )

    def waiting(self, rows: int) -> None:
        """So many whole studies wait for the next commit."""
        self._uncommitted = rows

    def silent(self) -> float:
        """Seconds since something last came out, or the driver last was at work on it."""
        return 0.0 if self._working else time.monotonic() - max(self._heard, self._rested)

    def waits(self) -> str:
        """What the job waits for, in words."""
        return waits(self._clock.latest) or "Ray has started no stage yet"

    def tell(self, silent: float) -> None:
        """Say what the job waits for; called by the watchdog."""
        stages, words = self._clock.latest, self.waits()
        if self._working:
            words = f"the driver puts studies together or commits them; {words}"
        self._say(f"{self._job}: nothing came out for {silent:,.0f} seconds; {words}")
        event(
            "waiting",
            logging.WARNING,
            seconds=round(silent, 1),
            driver="working" if self._working else "waiting",
            stages={
                name: {
                    "actors": state.actors,
                    "pending": state.pending,
                    "working": state.active,
                    "tasks": state.in_flight,
                    "queued": state.queued,
                }
                for name, state in stages.items()
            },
        )

    def end(self, sign: StopSign, hurry: Callable[[], None]) -> None:
        """Let the job end in order: what is in flight is finished, nothing else is begun.

        Parameters
        ----------
        sign
            The run's, which its actors look at.
        hurry
            Commits what is whole, now and from now on at once.
        """
        self._say(
            f"{self._job}: ending; what is in flight is finished and committed. Ctrl-C once more ends it now"
        )
        event("ending")
        if self.steering is not None:
            self.steering.end()
        try:
            sign.put()
        except OSError as error:
            log.warning("the actors cannot be told to end (%s)", type(error).__name__)
        hurry()

    def shares(self, growing: Collection[str] = ()) -> dict[str, dict[str, float]]:
        """Stage -> shares of its actors' time, see `StageClock.shares`; of the driver too."""
        whole = self._waited + self._worked
        driver = {"starved": self._waited / whole, "held": 0.0, "blocked": 0.0} if whole else {}
        return {**self._clock.shares(growing), "driver": driver}


@contextmanager
def watched(
    job: str,
    dataset: Any,  # noqa: ANN401  # a ray.data.Dataset
    *,
    stages: Mapping[str, str],
    studies: int,
    say: Callable[[str], None],
    seconds: float,
    stall_seconds: float,
) -> Iterator[JobWatch]:
    """Watch a job while this lasts, and steer it; Ray must run, and the dataset not yet.

    Parameters
    ----------
    job, studies, say
        See `JobWatch`.
    dataset
        The job's stages.
    stages
        Name of the class of a stage's actors -> what the stage is called.
    seconds
        Of silence, after which is said what the job waits for.
    stall_seconds
        Of silence, after which what is at work is started anew, see `Steering`.
    """
    watch = JobWatch(job, studies, say)
    watch.steering = Steering(
        job, stages, silent=watch.silent, waits=watch.waits, say=say, seconds=stall_seconds
    )
    with (
        sampled(dataset, stages, watch.sample),
        at_each_step(dataset, STEP_SECONDS, then=watch.steering.step, purpose="steered"),
        forgetting_blocks(dataset),
        Watchdog(seconds, watch.tell) as watchdog,
    ):
        watch.watchdog = watchdog
        try:
            yield watch
        finally:
            watch.show()
