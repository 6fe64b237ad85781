"""What Ray Data's scheduler knows of each stage at a moment.

Ray Data counts tasks, queues and actors for its own dashboard, in parts that are no public interface: where a
later version has others, there are no samples, and what is said of a run is what the job's own clocks know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipelines.watching.scheduler_steps import at_each_step

SAMPLE_SECONDS = 0.05
"""Between two samples."""


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
    with at_each_step(
        dataset,
        SAMPLE_SECONDS,
        look=lambda executor: sample_of(executor, stages),
        purpose="looked at",
        then=listener,
    ):
        yield
