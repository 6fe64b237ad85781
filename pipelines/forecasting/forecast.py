"""From a trial to a whole job: outcomes, seconds of each stage, hours, bytes and cost, each with a range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import NamedTuple

import numpy as np

from echoprime.population.estimates import Estimate, mean, share
from pipelines.forecasting.trial import Trial
from pipelines.pools import EncodePools

STUDY_SECONDS = 0.002
"""The driver's work for a study: a commit of 64 takes 80 ms, streaming 1,000 through Ray 0.5 s."""


RAY_SECONDS = 15.0
"""Ray's start and that of its actors, the networks' loading apart (measured: 12 to 20 on two cores)."""


class Range(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def times(self, other: Range | float) -> Range:
        """The product; of two ranges its ends are the products of theirs, which is on the safe side."""
        by = other if isinstance(other, Range) else Range(other, other, other)
        return Range(self.value * by.value, self.low * by.low, self.high * by.high)

    def plus(self, other: Range) -> Range:
        """The sum, end by end."""
        return Range(self.value + other.value, self.low + other.low, self.high + other.high)


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
        Each pool alone, and the cores that they share.
    bound
        The stage that takes longest.
    hours
        Of the whole job.
    output_bytes
        That the table will have.
    """

    outcomes: Sequence[Outcome]
    stages: Sequence[StageForecast]
    bound: str
    hours: Range
    output_bytes: Range


def forecast(trial: Trial, *, videos: int, studies: int, pools: EncodePools, cores: int) -> Forecast:
    """Reckon a job from a trial.

    Parameters
    ----------
    trial
        At least one video read.
    videos, studies
        To do.
    pools
        That the job will have.
    cores
        Of the machine or cluster; pools that compute on them share them.
    """
    outcomes = _outcomes(trial, videos)
    encoded = [each.share for each in outcomes if each.outcome == "encoded"]
    some = encoded[0] if encoded else Range(0.0, 0.0, _none_seen(trial).high)
    read = _mean(trial.read_seconds, trial.studies)
    decode = _mean(np.subtract(trial.read_seconds, trial.fetch_seconds), trial.studies)
    encode = _mean(trial.encode_seconds, trial.clip_studies).times(some)
    classify = _mean(trial.classify_seconds, trial.clip_studies).times(some)
    computing = decode if pools.device == "cuda" else decode.plus(encode).plus(classify)
    driver = Range(STUDY_SECONDS, STUDY_SECONDS, STUDY_SECONDS).times(studies / videos)
    stages = [
        _stage("readers", pools.readers.actors, read, videos),
        _stage("encoders", pools.encoders.actors, encode, videos),
        _stage("view_classifiers", pools.view_classifiers.actors, classify, videos),
        _stage("cores", cores, computing, videos),
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
        hours=hours.plus(_start(trial)),
        output_bytes=each.plus(rest).times(videos),
    )


def _stage(name: str, actors: int, seconds: Range, videos: int) -> StageForecast:
    return StageForecast(
        name=name, actors=actors, seconds_each=seconds, hours=seconds.times(videos / actors / 3600)
    )


def _start(trial: Trial) -> Range:
    hours = (RAY_SECONDS + trial.load_seconds) / 3600
    return Range(hours, hours, hours)


def _outcomes(trial: Trial, videos: int) -> list[Outcome]:
    """Wilson's intervals at the sample size that clustering by study leaves; none where all were read."""
    found = []
    whole = len(trial.outcomes) == videos
    for (outcome, reason), sampled in sorted(Counter(trial.outcomes).items()):
        yes = np.array([float(each == (outcome, reason)) for each in trial.outcomes])
        part = _range(share(yes, np.array(trial.studies)))
        if whole:
            part = Range(part.value, part.value, part.value)
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


def cost(hours: Range, price: float) -> Range:
    """What so many hours cost.

    Examples
    --------
    >>> cost(Range(2.0, 1.5, 3.0), 1.5)
    Range(value=3.0, low=2.25, high=4.5)
    """
    return hours.times(price)


def plain(value: object) -> object:
    """As JSON has it: ranges as value, low and high, records by their fields.

    Examples
    --------
    >>> plain({"hours": [Range(2.0, 1.5, 3.0)]})
    {'hours': [{'value': 2.0, 'low': 1.5, 'high': 3.0}]}
    """
    if isinstance(value, Range):
        return value._asdict()
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
