"""Steps of Ray Data's scheduler, for those who look at its stages or steer them: one place that is called.

Ray Data calls classes that a `DataContext` names and hands them its executor, whose parts are no public
interface. Where a later version has others, each of those who are called is left out, said once, and the job
goes on without it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from ray.data._internal.execution.execution_callback import ExecutionCallback

log = logging.getLogger(__name__)

OTHER_PARTS = (AttributeError, TypeError, KeyError)
"""What is raised where this Ray Data has other parts than those that were looked at."""

Found = TypeVar("Found")


class SchedulerSteps(ExecutionCallback):
    """Hands the scheduler's steps on; Ray Data makes one for each execution, of the class alone.

    A class, because a `DataContext` takes classes alone and travels to the workers, by name.
    """

    called: ClassVar[tuple[Callable[[Any], None], ...]] = ()

    def on_execution_step(self, executor: Any) -> None:  # noqa: ANN401  # Ray's
        """Called by the scheduler at each of its steps; what one raises ends the execution."""
        for step in type(self).called:
            step(executor)


def the_executor(executor: Any) -> Any:  # noqa: ANN401  # Ray's
    """It itself, for those who know what may be missing."""
    return executor


def nothing(found: object) -> None:
    """Where looking was all."""


@contextmanager
def at_each_step(
    dataset: Any,  # noqa: ANN401  # a ray.data.Dataset
    seconds: float,
    *,
    look: Callable[[Any], Found] = the_executor,
    then: Callable[[Found], None] = nothing,
    purpose: str,
) -> Iterator[None]:
    """While this lasts, somebody is called at the steps of a dataset's execution, by the scheduler's thread.

    Parameters
    ----------
    dataset
        Not yet executed.
    seconds
        At least so long between two calls: the scheduler turns up to thousands of times a second, and at
        least ten times.
    look
        Takes Ray Data's executor. `OTHER_PARTS` that it raises end the calls, and are said once.
    then
        Takes what `look` gave. Whatever it raises ends the execution: it is an error of its own.
    purpose
        What is done to the stages, for the log: "looked at".
    """
    callbacks = getattr(dataset.context, "custom_execution_callback_classes", None)
    if not isinstance(callbacks, list):
        log.warning("Ray Data's stages cannot be %s (no callbacks)", purpose)
        yield
        return
    if SchedulerSteps not in callbacks:
        dataset.context.custom_execution_callback_classes = [*callbacks, SchedulerSteps]
    step = _Spaced(seconds, look, then, purpose)
    SchedulerSteps.called += (step,)
    try:
        yield
    finally:
        SchedulerSteps.called = tuple(each for each in SchedulerSteps.called if each is not step)


class _Spaced:
    """Calls now and then, until this Ray turns out to be another."""

    def __init__(
        self, seconds: float, look: Callable[[Any], Any], then: Callable[[Any], None], purpose: str
    ) -> None:
        self._seconds = seconds
        self._look: Callable[[Any], Any] | None = look
        self._then = then
        self._purpose = purpose
        self._last = float("-inf")

    def __call__(self, executor: Any) -> None:  # noqa: ANN401  # Ray's
        now = time.monotonic()
        if self._look is None or now - self._last < self._seconds:
            return
        self._last = now
        try:
            found = self._look(executor)
        except OTHER_PARTS as error:
            self._look = None
            log.warning("Ray Data's stages cannot be %s (%s)", self._purpose, type(error).__name__)
            return
        self._then(found)
