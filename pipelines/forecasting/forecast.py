"""From a trial to a whole job: outcomes, seconds of each stage, hours and bytes, each with a range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echoprime.population.estimates import Estimate, mean, share
from pipelines.forecasting.ranges import Range, exactly
from pipelines.forecasting.trial import Trial
from pipelines.pools import EncodePools
from pipelines.ray_session import ClusterSize

STUDY_SECONDS = 0.002
"""The driver's work for a study: a commit of 64 takes 80 ms, streaming 1,000 through Ray 0.5 s."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Videos that end alike: of the sample, and of all that are to do."""

    outcome: str
    reason: str
    sampled: int
    share: Range
    videos: Range


@dataclass(frozen=True, kw_only=True)
class StageForecast:
    """One pool's work: seconds for each video that comes to it, and its hours with so many actors."""

    name: str
    actors: int
    seconds_each: Range
    hours: Range


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a job will take.

    Attributes
    ----------
    outcomes
        By outcome and reason, as the sample had them.
    stages
        Each pool alone, and the GPUs and cores that they share.
    bound
        The stage that takes longest.
    work_hours, hours
        Of that stage, and of the whole job with its start.
    output_bytes
        That the table will have.
    encoded
        Share of the videos that give a clip.
    decode_seconds
        Of a core for each video that is read.
    network_seconds
        Of a core, or of a GPU, for each video whose clips go through both networks.
    on_gpu
        Whether that is a GPU.
    clips_each
        Clips of such a video, on average.
    """

    outcomes: Sequence[Outcome]
    stages: Sequence[StageForecast]
    bound: str
    work_hours: Range
    hours: Range
    output_bytes: Range
    encoded: Range
    decode_seconds: Range
    network_seconds: Range
    on_gpu: bool
    clips_each: float = 1.0


def forecast(
    trial: Trial,
    *,
    videos: int,
    studies: int,
    pools: EncodePools,
    cluster: ClusterSize,
    start: Range,
    gpu_clips_per_second: float | None = None,
) -> Forecast:
    """Reckon a job from a trial.

    Parameters
    ----------
    trial
        At least one video read.
    videos, studies
        To do.
    pools
        That the job will have.
    cluster
        Its cores and GPUs; pools that compute on them share them.
    start
        Seconds until the work begins and after its end.
    gpu_clips_per_second
        Of one GPU, both networks, as measured elsewhere; None = as the trial's own clips.
    """
    outcomes = _outcomes(trial, videos)
    encoded = [each.share for each in outcomes if each.outcome == "encoded"]
    some = encoded[0] if encoded else Range(0.0, 0.0, _none_seen(trial).high)
    read = _mean(trial.read_seconds, trial.studies)
    decode = _mean(np.subtract(trial.read_seconds, trial.fetch_seconds), trial.studies)
    encode = _mean(trial.encode_seconds, trial.clip_studies)
    classify = _mean(trial.classify_seconds, trial.clip_studies)
    networks = encode.plus(classify)
    clips_each = float(np.mean(trial.clips)) if trial.clips else 1.0
    if gpu_clips_per_second is not None:
        networks = exactly(clips_each / gpu_clips_per_second)
    on_gpu = pools.device == "cuda"
    computing = decode if on_gpu else decode.plus(networks.times(some))
    driver = exactly(STUDY_SECONDS).times(studies / videos)
    stages = [_stage("readers", pools.readers.actors, read, videos)]
    if gpu_clips_per_second is None:
        stages += [
            _stage("encoders", pools.encoders.actors, encode.times(some), videos),
            _stage("view_classifiers", pools.view_classifiers.actors, classify.times(some), videos),
        ]
    if on_gpu:
        stages.append(_stage("gpus", cluster.gpus, networks.times(some), videos))
    stages += [
        _stage("cores", cluster.cores, computing, videos),
        _stage("driver", 1, driver, videos),
    ]
    longest = max(stages, key=lambda stage: stage.hours.value)
    hours = Range(*(max(stage.hours[end] for stage in stages) for end in range(3)))
    each = some.times(trial.clip_bytes)
    rest = Range(1 - some.value, 1 - some.high, 1 - some.low).times(trial.other_bytes)
    return Forecast(
        outcomes=outcomes,
        stages=stages,
        bound=longest.name,
        work_hours=hours,
        hours=hours.plus(start.times(1 / 3600)),
        output_bytes=each.plus(rest).times(videos),
        encoded=some,
        decode_seconds=decode,
        network_seconds=networks,
        clips_each=clips_each,
        on_gpu=on_gpu,
    )


def _stage(name: str, actors: int, seconds: Range, videos: int) -> StageForecast:
    return StageForecast(
        name=name, actors=actors, seconds_each=seconds, hours=seconds.times(videos / actors / 3600)
    )


def _outcomes(trial: Trial, videos: int) -> list[Outcome]:
    """Wilson's intervals at the sample size that clustering by study leaves; none where all were read."""
    found = []
    whole = len(trial.outcomes) == videos
    for (outcome, reason), sampled in sorted(Counter(trial.outcomes).items()):
        yes = np.array([float(each == (outcome, reason)) for each in trial.outcomes])
        part = _range(share(yes, np.array(trial.studies)))
        if whole:
            part = exactly(part.value)
        found.append(
            Outcome(
                outcome=outcome, reason=reason, sampled=sampled, share=part, videos=part.times(float(videos))
            )
        )
    return found


def _none_seen(trial: Trial) -> Range:
    return _range(share(np.zeros(len(trial.outcomes)), np.array(trial.studies)))


def _mean(values: Sequence[float] | np.ndarray, studies: Sequence[int]) -> Range:
    """Mean with Student's interval, clustered by study; 0 of nothing."""
    return _range(mean(np.asarray(values, np.float64), np.asarray(studies, np.int64)))


def _range(estimate: Estimate) -> Range:
    value = estimate.value or 0.0
    low = value if estimate.low is None else max(0.0, estimate.low)
    return Range(value, low, value if estimate.high is None else estimate.high)
