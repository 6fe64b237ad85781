"""What Ray Data's scheduler knows of each stage at a moment: the one place that looks into its inner parts.

Ray Data counts tasks, queues and actors for its own dashboard, and gives them to callbacks that a
`DataContext` names. Callbacks get its executor, whose parts are no public interface: where a later version
has others, there are no samples, and what is said of a run is what the job's own clocks know.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from ray.data._internal.execution.execution_callback import ExecutionCallback

log = logging.getLogger(__name__)

SAMPLE_SECONDS = 0.05
"""The scheduler turns up to thousands of times a second, and at least ten times."""


@dataclass(frozen=True, kw_only=True)
class StageState:
    """One stage at one moment.

    Attributes
    ----------
    actors
        That have started.
    pending
        That have not: they wait for a place or are being started.
    active
        Of the started ones, those that have been given work.
    in_flight
        Tasks that were given to actors and are not finished.
    queued
        Blocks (of chunks, or of one row of up to eight videos) that wait before the stage.
    input_done
        Nothing more will come to the stage.
    held
        Ray Data lets the stage take or give nothing now, because what follows it is full.
    """

    actors: int
    pending: int
    active: int
    in_flight: int
    queued: int
    input_done: bool
    held: bool


Sample = Mapping[str, StageState]
"""Stage -> its state."""


class SchedulerSamples(ExecutionCallback):
    """Hands a sample of every stage to whoever listens; Ray Data makes one for each execution.

    A class, because a `DataContext` takes classes alone and travels to the workers, by name.
    """

    listener: ClassVar[Callable[[Sample], None] | None] = None
    stages: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self._last = 0.0

    def on_execution_step(self, executor: Any) -> None:  # noqa: ANN401  # Ray's
        """Called by the scheduler at each of its steps."""
        now, listener = time.monotonic(), type(self).listener
        if listener is None or now - self._last < SAMPLE_SECONDS:
            return
        self._last = now
        try:
            sample = sample_of(executor, self.stages)
        except (AttributeError, TypeError, KeyError) as error:
            type(self).listener = None  # another Ray: no samples, once said
            log.warning("Ray Data's stages cannot be looked at (%s)", type(error).__name__)
            return
        listener(sample)


def sample_of(executor: Any, stages: Mapping[str, str]) -> dict[str, StageState]:  # noqa: ANN401  # Ray's
    """Look at the stages of an executor.

    Parameters
    ----------
    executor
        Of Ray Data.
    stages
        Name of the class of a stage's actors -> what the stage is called here.

    Raises
    ------
    AttributeError, TypeError, KeyError
        This Ray Data has other parts.
    """
    found = {}
    for operator, state in executor._topology.items():
        name = next((stages[part] for part in stages if part in operator.name), None)
        if name is None:
            continue
        actors = operator.get_actor_info()
        found[name] = StageState(
            actors=actors.running,
            pending=actors.pending + actors.restarting,
            active=actors.active,
            in_flight=operator.num_active_tasks(),
            queued=state.total_enqueued_input_blocks(),
            input_done=operator._inputs_complete,
            held=operator._in_task_submission_backpressure or operator._in_task_output_backpressure,
        )
    return found


@contextmanager
def sampled(dataset: Any, stages: Mapping[str, str], listener: Callable[[Sample], None]) -> Iterator[None]:  # noqa: ANN401  # a ray.data.Dataset
    """While this lasts, `listener` gets a sample of a dataset's stages many times a second.

    It is called from the scheduler's thread and must be quick.

    Parameters
    ----------
    dataset
        Not yet executed.
    stages, listener
        See `sample_of`.
    """
    callbacks = getattr(dataset.context, "custom_execution_callback_classes", None)
    if not isinstance(callbacks, list):
        log.warning("Ray Data's stages cannot be looked at (no callbacks)")
        yield
        return
    dataset.context.custom_execution_callback_classes = [*callbacks, SchedulerSamples]
    SchedulerSamples.listener, SchedulerSamples.stages = listener, stages
    try:
        yield
    finally:
        SchedulerSamples.listener = None
