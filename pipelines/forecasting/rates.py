"""What a machine gives and what a study takes: the model by which others are reckoned."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.forecasting.forecast import Forecast
from pipelines.forecasting.ranges import Range
from pipelines.forecasting.to_do import ToDo


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Of the work alone: starting is left out, so that they hold for an archive of any size.

    Attributes
    ----------
    core_clips_per_second
        Clips that one core reads and encodes; None where GPUs encode.
    core_videos_read_per_second
        Videos that one core reads and decodes, and does nothing else.
    gpu_clips_per_second
        Clips that one GPU sends through both networks; None on cores.
    cores_per_gpu
        Cores that read as many clips as one GPU encodes; None on cores.
    study_bytes_in, study_bytes_out
        Of a study: that are read (None where the archive tells no sizes), and that its row takes.
    studies_per_hour
        Of the whole machine or cluster.
    cost
        Of the whole job, start included; None without a price.
    cost_per_1000_studies
        Of the work; None without a price.
    """

    core_clips_per_second: Range | None
    core_videos_read_per_second: Range
    gpu_clips_per_second: Range | None
    cores_per_gpu: Range | None
    study_bytes_in: float | None
    study_bytes_out: Range
    studies_per_hour: Range
    cost: Range | None
    cost_per_1000_studies: Range | None


def rates(found: Forecast, todo: ToDo, price_per_hour: float | None) -> Rates:
    """The model's numbers for a forecast.

    Parameters
    ----------
    found
        Of a sample of which at least one video was encoded.
    todo
        What it is of.
    price_per_hour
        Of the whole machine or cluster, in any currency.
    """
    reading = found.decode_seconds.times(found.encoded.inverse())  # of a core, for each video with clips
    gpu = found.network_seconds.inverse() if found.on_gpu else None
    clips = found.clips_each
    a_study = found.work_hours.times(1 / todo.studies)
    price = price_per_hour
    return Rates(
        core_clips_per_second=None if gpu else reading.plus(found.network_seconds).inverse().times(clips),
        core_videos_read_per_second=found.decode_seconds.inverse(),
        gpu_clips_per_second=gpu.times(clips) if gpu else None,
        cores_per_gpu=reading.times(gpu) if gpu else None,
        study_bytes_in=todo.bytes / todo.studies if todo.bytes else None,
        study_bytes_out=found.output_bytes.times(1 / todo.studies),
        studies_per_hour=a_study.inverse(),
        cost=None if price is None else found.hours.times(price),
        cost_per_1000_studies=None if price is None else a_study.times(1000 * price),
    )
