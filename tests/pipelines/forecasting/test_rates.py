"""The model's numbers, by hand: what a core, a GPU and a study are worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.forecasting.forecast import Forecast
from pipelines.forecasting.ranges import Range, exactly
from pipelines.forecasting.rates import rates
from pipelines.forecasting.to_do import ToDo


def found_of(*, on_gpu: bool) -> Forecast:
    """1,000 studies of 8 videos, half of them clips; reading takes 2 s, a network 0.1 s, the work 10 h."""
    return Forecast(
        outcomes=[],
        stages=[],
        bound="cores",
        work_hours=Range(10.0, 8.0, 20.0),
        hours=Range(11.0, 9.0, 21.0),
        output_bytes=exactly(5e6),
        encoded=exactly(0.5),
        decode_seconds=Range(2.0, 1.0, 4.0),
        network_seconds=exactly(0.1),
        on_gpu=on_gpu,
    )


def todo_of(size: int) -> ToDo:
    return ToDo(
        listed_studies=1_000,
        listed_videos=8_000,
        counts={},
        studies=1_000,
        videos=8_000,
        bytes=size,
        duplicate_paths=0,
        sample=[],
    )


def test_a_core_reads_and_encodes() -> None:
    """A clip takes two readings of 2 s, because every other video gives none, and 0.1 s of network."""
    model = rates(found_of(on_gpu=False), todo_of(8_000), None)
    assert model.core_clips_per_second == pytest.approx((1 / 4.1, 1 / 8.1, 1 / 2.1))
    assert model.core_videos_read_per_second == pytest.approx((0.5, 0.25, 1.0))
    assert (model.gpu_clips_per_second, model.cores_per_gpu, model.cost) == (None, None, None)


def test_a_gpu_is_fed_by_so_many_cores() -> None:
    model = rates(found_of(on_gpu=True), todo_of(8_000), None)
    assert model.core_clips_per_second is None
    assert model.gpu_clips_per_second == pytest.approx((10.0, 10.0, 10.0))
    assert model.cores_per_gpu == pytest.approx((40.0, 20.0, 80.0))


def test_of_several_clips_a_video_a_second_gives_so_many() -> None:
    for on_gpu in (False, True):
        one, three = (
            rates(replace(found_of(on_gpu=on_gpu), clips_each=clips), todo_of(8_000), None)
            for clips in (1.0, 3.0)
        )
        for name in ("core_clips_per_second", "gpu_clips_per_second"):
            if getattr(one, name) is not None:
                assert getattr(three, name) == pytest.approx(getattr(one, name).times(3))
        assert three.cores_per_gpu == one.cores_per_gpu


def test_studies_an_hour_and_their_price_leave_the_start_out() -> None:
    model = rates(found_of(on_gpu=False), todo_of(3_000_000), 2.5)
    assert model.studies_per_hour == pytest.approx((100.0, 50.0, 125.0))
    assert model.cost_per_1000_studies == pytest.approx((25.0, 20.0, 50.0))
    assert model.cost == pytest.approx((27.5, 22.5, 52.5))
    assert (model.study_bytes_in, model.study_bytes_out.value) == (3_000.0, pytest.approx(5_000.0))


def test_a_server_that_tells_no_sizes_has_no_bytes_a_study() -> None:
    assert rates(found_of(on_gpu=False), todo_of(0), None).study_bytes_in is None
