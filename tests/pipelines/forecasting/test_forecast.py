"""From a trial's numbers to a job's, by hand."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from pipelines.forecasting.forecast import Forecast, forecast
from pipelines.forecasting.ranges import Range
from pipelines.forecasting.trial import Trial
from pipelines.pools import EncodePools, Pool
from pipelines.ray_session import ClusterSize

START = Range(20.0, 15.0, 30.0)


def trial(encoded: int = 15, failed: int = 5, **more: object) -> Trial:
    """Each video of a study of its own; reading 2 s, half of it waiting, encoding 10 s, classifying 1 s."""
    videos = encoded + failed
    numbers = {
        "outcomes": [("encoded", "")] * encoded + [("failed", "not_decodable")] * failed,
        "studies": list(range(videos)),
        "read_seconds": [2.0] * videos,
        "fetch_seconds": [1.0] * videos,
        "clip_studies": list(range(encoded)),
        "encode_seconds": [10.0] * encoded,
        "classify_seconds": [1.0] * encoded,
        "load_seconds": 5.0,
        "clip_bytes": 2_000.0,
        "other_bytes": 400.0,
    }
    return Trial(**{**numbers, **more})


def pools(device: str, readers: int, encoders: int) -> EncodePools:
    gpus = 0.75 if device == "cuda" else 0.0
    return EncodePools(
        device, Pool(readers, cores=0.5), Pool(encoders, cores=0.0, gpus=gpus), Pool(1, cores=0.0, gpus=0.0)
    )


def forecast_of(
    numbers: Trial,
    device: str = "cpu",
    readers: int = 1,
    encoders: int = 2,
    cores: int = 4,
    gpus: int = 0,
    **more: object,
) -> Forecast:
    return forecast(
        numbers,
        **{"videos": 3_600, "studies": 360, **more},
        pools=pools(device, readers, encoders),
        cluster=ClusterSize(cores=cores, gpus=gpus, nodes=1),
        start=START,
    )


def test_outcomes_have_wilsons_range() -> None:
    encoded, failed = forecast_of(trial()).outcomes
    assert (encoded.sampled, failed.sampled, failed.reason) == (15, 5, "not_decodable")
    assert encoded.videos.value == pytest.approx(2_700)
    low, high = proportion_confint(5, 20, method="wilson")
    assert (failed.share.low, failed.share.high) == pytest.approx((low, high))
    assert failed.videos.low == pytest.approx(3_600 * low)


def test_the_slowest_stage_gives_the_time() -> None:
    """3,600 videos: 2 h of reading by one; 2,700 clips of 10 s by two encoders: 3.75 h; on four cores 2.5."""
    found = forecast_of(trial())
    hours = {stage.name: stage.hours.value for stage in found.stages}
    assert hours["readers"] == pytest.approx(2.0)
    assert hours["encoders"] == pytest.approx(3.75)
    assert hours["cores"] == pytest.approx((1.0 + 0.75 * 11) * 3_600 / 4 / 3_600)
    assert found.bound == "encoders"
    assert found.work_hours.value == pytest.approx(3.75)
    assert found.hours.value == pytest.approx(3.75 + 20 / 3_600)
    assert found.hours.low == pytest.approx(found.work_hours.low + 15 / 3_600)
    assert found.work_hours.low < 3.75 < found.work_hours.high  # of the share alone: no second varies


def test_waiting_for_bytes_takes_no_core_and_a_gpu_none_either() -> None:
    assert forecast_of(trial(), cores=1).bound == "cores"
    on_gpu = forecast_of(trial(encode_seconds=[0.1] * 15), "cuda", encoders=1, cores=1, gpus=1)
    cores = next(stage for stage in on_gpu.stages if stage.name == "cores")
    assert (on_gpu.bound, cores.hours.value) == ("readers", pytest.approx(1.0))


def test_both_networks_share_a_gpu() -> None:
    """2,700 clips of 3 s and 1 s on two GPUs: 1.5 h, although neither pool alone takes as long."""
    quick = trial(encode_seconds=[3.0] * 15)
    hours = {stage.name: stage.hours.value for stage in forecast_of(quick, "cuda", readers=9, gpus=2).stages}
    assert hours["gpus"] == pytest.approx(2_700 * 4 / 2 / 3_600)
    assert hours["gpus"] > max(hours["encoders"], hours["readers"])


def test_a_gpus_speed_may_be_given() -> None:
    """Then nothing that this machine's networks take counts: 2,700 clips at half a clip a second."""
    found = forecast_of(trial(), "cuda", readers=9, encoders=1, gpus=1, gpu_clips_per_second=0.5)
    assert {stage.name for stage in found.stages} == {"readers", "gpus", "cores", "driver"}
    assert (found.bound, found.work_hours.value) == ("gpus", pytest.approx(1.5))


def test_a_video_of_several_clips_takes_so_much_longer() -> None:
    """A GPU's speed is told by the clip: 2,700 videos of two on average at half a clip a second."""
    clips = [1, 2, 3] * 5
    found = forecast_of(trial(clips=clips), "cuda", readers=9, encoders=1, gpus=1, gpu_clips_per_second=0.5)
    assert (found.clips_each, found.work_hours.value) == (2.0, pytest.approx(3.0))


def test_the_tables_bytes_are_those_of_both_kinds_of_rows() -> None:
    assert forecast_of(trial()).output_bytes.value == pytest.approx(2_700 * 2_000 + 900 * 400)


def test_a_sample_without_a_clip_still_says_what_it_can() -> None:
    found = forecast_of(
        trial(encoded=0, encode_seconds=[], classify_seconds=[], clip_studies=[], clip_bytes=0.0, failed=4)
    )
    assert [each.outcome for each in found.outcomes] == ["failed"]
    assert found.bound == "readers"
    assert found.output_bytes.value == pytest.approx(3_600 * 400)


def test_videos_of_few_studies_give_a_wider_range() -> None:
    narrow = forecast_of(trial()).outcomes[0].share
    wide = forecast_of(trial(studies=[0] * 15 + [1, 1, 1, 2, 2])).outcomes[0].share
    assert wide.high - wide.low > narrow.high - narrow.low


def test_of_a_whole_archive_that_was_tried_the_outcomes_are_known() -> None:
    found = forecast_of(trial(), videos=20, studies=20)
    assert {(each.videos.low, each.videos.high) for each in found.outcomes} == {(15, 15), (5, 5)}
