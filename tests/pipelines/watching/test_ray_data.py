"""Another Ray than the one that was looked at: no samples, one line in the log, and the job goes on."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from pipelines.watching.ray_data import SchedulerSamples, sampled


def test_an_executor_with_other_parts_ends_the_samples(caplog: pytest.LogCaptureFixture) -> None:
    context = SimpleNamespace(custom_execution_callback_classes=[])
    samples: list[object] = []
    with (
        caplog.at_level(logging.WARNING),
        sampled(SimpleNamespace(context=context), {"ReadClips": "readers"}, samples.append),
    ):
        (made,) = context.custom_execution_callback_classes
        callback = made()
        for _ in range(3):
            callback._last = 0.0
            callback.on_execution_step(SimpleNamespace())
    assert samples == []
    assert [record.getMessage() for record in caplog.records] == [
        "Ray Data's stages cannot be looked at (AttributeError)"
    ]


def test_a_ray_without_callbacks_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with sampled(SimpleNamespace(context=SimpleNamespace()), {}, lambda sample: None):
        assert SchedulerSamples.listener is None
    assert "no callbacks" in caplog.text
