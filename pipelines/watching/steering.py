"""What a job tells Ray Data's scheduler to do: take nothing in any more, start anew what hangs.

Where a later Ray has other parts, a job that was asked to end drains more slowly, and one that hangs ends
without a second try.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from echoprime.errors import StalledError
from pipelines.watching.run_log import event
from pipelines.watching.scheduler_steps import OTHER_PARTS

log = logging.getLogger(__name__)

TRIES = 2
"""How often what hangs is started anew; a job that is silent once more ends."""

SILENCES = 4
"""A job ends with the fourth in a row: until then actors that are being started are waited for."""

STEP_SECONDS = 0.2
"""Signals and silence need not be looked at more often."""


class Steering:
    """Orders to the execution of one dataset.

    Parameters
    ----------
    job
        "encode" or "interpret".
    stages
        Name of the class of a stage's actors -> what the stage is called, in the order of the rows' way.
    silent
        Seconds since something last came out, or the driver was last at work.
    waits
        What the job waits for, in words.
    say
        Shows a line to whoever started the job.
    seconds
        Of silence, after which the actors at work are started anew.
    """

    def __init__(
        self,
        job: str,
        stages: Mapping[str, str],
        *,
        silent: Callable[[], float],
        waits: Callable[[], str],
        say: Callable[[str], None],
        seconds: float,
    ) -> None:
        self._job = job
        self._stages = stages
        self._silent, self._waits, self._say = silent, waits, say
        self._seconds = seconds
        self._ending = self._ended = False
        self._tries = self._silences = 0
        self._since = time.monotonic()

    def end(self) -> None:
        """Let nothing new into the first stage; what is in flight goes on to its end."""
        self._ending = True

    def step(self, executor: Any) -> None:  # noqa: ANN401  # Ray's
        """Called from the scheduler's thread; what it raises ends the execution.

        Raises
        ------
        StalledError
            Nothing came out, and starting anew did not help.
        """
        if self._ending and not self._ended:
            self._ended = True
            _known_parts(lambda: close_source(executor, self._stages))
        self._look_at_silence(executor)

    def _look_at_silence(self, executor: Any) -> None:  # noqa: ANN401  # Ray's
        now, silent = time.monotonic(), self._silent()
        if silent < now - self._since:  # something came since the last try
            self._tries, self._silences, self._since = 0, 0, now - silent
        if now - self._since < self._seconds:
            return
        self._since = now
        self._silences += 1
        if self._silences < SILENCES and _known_parts(lambda: waits_for_actors(executor, self._stages)):
            return  # the watchdog says what is waited for
        words = self._waits()
        if self._tries == TRIES or self._silences >= SILENCES:
            raise StalledError(
                f"{self._job}: nothing came out for {silent:,.0f} seconds, also after {self._tries} new "
                f"starts of what was at work ({words}); what is finished is in the table: look at those "
                "nodes, then run the same command again"
            )
        self._tries += 1
        restarted = _known_parts(lambda: restart_last_at_work(executor, self._stages))
        stage, number = restarted or ("actors", 0)
        self._say(
            f"{self._job}: nothing came out for {silent:,.0f} seconds; {number} {stage} at work "
            f"are started anew ({words})"
        )
        event("stalled", logging.WARNING, seconds=round(silent, 1), stage=stage, actors=number)


def close_source(executor: Any, stages: Mapping[str, str]) -> None:  # noqa: ANN401  # Ray's
    """Let the tasks that hand chunks to the first stage be the last ones."""
    for operator in executor._topology:
        if any(part in operator.name for part in stages):
            return
        operator.mark_execution_finished()


def waits_for_actors(executor: Any, stages: Mapping[str, str]) -> bool:  # noqa: ANN401  # Ray's
    """Whether no actor is at work, and some are being started."""
    actors = [
        operator.get_actor_info()
        for operator in executor._topology
        if any(part in operator.name for part in stages)
    ]
    starting = sum(each.pending + each.restarting for each in actors)
    return starting > 0 and not any(_at_work(operator, stages) for operator in executor._topology)


def _at_work(operator: Any, stages: Mapping[str, str]) -> list[Any]:  # noqa: ANN401  # Ray's
    """The actors of a stage that have started and have a task."""
    if not any(part in operator.name for part in stages):
        return []
    running = operator._actor_pool._running_actors
    return [
        actor for actor, state in running.items() if state.num_tasks_in_flight and not state.is_restarting
    ]


def restart_last_at_work(executor: Any, stages: Mapping[str, str]) -> tuple[str, int] | None:  # noqa: ANN401  # Ray's
    """Kill the actors at work of the last stage that has any, for Ray to start anew and repeat their tasks.

    The stages before it may only wait for it to take their rows.

    Returns
    -------
    (str, int) or None
        The stage and how many of its actors; None where none was at work.
    """
    import ray

    for operator in reversed(list(executor._topology)):
        at_work = _at_work(operator, stages)
        for actor in at_work:
            ray.kill(actor, no_restart=False)
        if at_work:
            stage = next(stages[part] for part in stages if part in operator.name)
            return stage.replace("_", " "), len(at_work)
    return None


def _known_parts(action: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever it returns
    try:
        return action()
    except OTHER_PARTS as error:
        log.warning("Ray Data's stages cannot be steered (%s)", type(error).__name__)
        return None
