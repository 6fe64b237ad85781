"""Another Ray than the one that was looked at: no calls, one line in the log, and the job goes on."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from pipelines.watching.block_records import forget_blocks
from pipelines.watching.ray_data import sample_of
from pipelines.watching.scheduler_steps import SchedulerSteps, at_each_step


def test_an_executor_with_other_parts_ends_the_calls(caplog: pytest.LogCaptureFixture) -> None:
    context = SimpleNamespace(custom_execution_callback_classes=[])
    others: list[object] = []
    executor = SimpleNamespace(_topology=[SimpleNamespace(input_dependencies=[1], name="ReadClips")])
    with (
        caplog.at_level(logging.WARNING),
        at_each_step(
            SimpleNamespace(context=context),
            0.0,
            look=lambda each: sample_of(each, {"ReadClips": "readers"}),
            purpose="looked at",
        ),
        at_each_step(SimpleNamespace(context=context), 0.0, look=forget_blocks, purpose="kept small"),
        at_each_step(SimpleNamespace(context=context), 0.0, then=others.append, purpose="steered"),
    ):
        assert context.custom_execution_callback_classes == [SchedulerSteps]
        for _ in range(3):
            SchedulerSteps().on_execution_step(executor)
    SchedulerSteps().on_execution_step(executor)
    assert others == [executor] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "Ray Data's stages cannot be looked at (AttributeError)",
        "Ray Data's stages cannot be kept small (AttributeError)",
    ]


def test_calls_are_as_far_apart_as_asked() -> None:
    context = SimpleNamespace(custom_execution_callback_classes=[])
    seen: list[object] = []
    with at_each_step(SimpleNamespace(context=context), 60.0, then=seen.append, purpose="looked at"):
        for _ in range(3):
            SchedulerSteps().on_execution_step(1)
    assert seen == [1]


@pytest.mark.parametrize("error", [RuntimeError, KeyError])
def test_an_error_of_ones_own_ends_the_execution(error: type[Exception]) -> None:
    def refuse(executor: object) -> None:
        raise error("no more")

    context = SimpleNamespace(custom_execution_callback_classes=[])
    with (
        at_each_step(SimpleNamespace(context=context), 0.0, then=refuse, purpose="steered"),
        pytest.raises(error, match="no more"),
    ):
        SchedulerSteps().on_execution_step(1)


def test_a_ray_without_callbacks_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with at_each_step(SimpleNamespace(context=SimpleNamespace()), 0.0, then=print, purpose="looked at"):
        assert SchedulerSteps.called == ()
    assert "cannot be looked at (no callbacks)" in caplog.text
