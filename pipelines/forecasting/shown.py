"""A plan as a person reads it."""

from __future__ import annotations

import math

from rich.table import Table

from echoprime.archive import ManifestSummary
from pipelines.console import console
from pipelines.forecasting.forecast import Forecast
from pipelines.forecasting.ranges import Range
from pipelines.forecasting.rates import Rates
from pipelines.forecasting.to_do import ToDo
from pipelines.manifest import show_left_out
from pipelines.ray_session import ClusterSize
from pipelines.summary import studies_said


def show_counts(todo: ToDo, listed: ManifestSummary | None) -> None:
    """What is listed, done and to do."""
    out = console()
    out.print(f"listed: {todo.listed_studies:,} studies, {todo.listed_videos:,} videos")
    if listed is not None:
        show_left_out(out, listed)
    for word, count in studies_said(todo.counts).items():
        out.print(f"  {count:,} {word}")
    if todo.duplicate_paths:
        out.print(f"  {todo.duplicate_paths:,} paths stand in it more than once: each is encoded as often")
    if not todo.videos:
        out.print("nothing to do")
        return
    out.print(f"to do: {todo.studies:,} studies, {todo.videos:,} videos, {_size(todo.bytes)}", style="bold")


def show_forecast(found: Forecast, model: Rates | None, cluster: ClusterSize) -> None:
    """What the sample says of the whole; ranges are 95 % intervals."""
    out = console()
    sampled = sum(each.sampled for each in found.outcomes)
    out.print(f"\ntried: {sampled:,} videos drawn over these; ranges are 95 % intervals")
    outcomes = Table("outcome", "reason", box=None, pad_edge=False)
    for column in ("tried", "videos expected", "from", "to"):
        outcomes.add_column(column, justify="right")
    for each in found.outcomes:
        numbers = (f"{round(number):,}" for number in each.videos)
        outcomes.add_row(each.outcome, each.reason, f"{each.sampled:,}", *numbers)
    out.print(outcomes)
    stages = Table("stage", box=None, pad_edge=False)
    for column in ("actors", "seconds a video", "alone it takes", "from", "to"):
        stages.add_column(column, justify="right")
    for stage in found.stages:
        stages.add_row(
            stage.name.replace("_", " "),
            f"{stage.actors:,}",
            f"{stage.seconds_each.value:.4f}",
            *map(_time, stage.hours),
        )
    out.print(stages)
    low, high = _time(found.hours.low), _time(found.hours.high)
    machine = f"{cluster.cores:,} cores" + (f" and {cluster.gpus:,} GPUs" if cluster.gpus else "")
    out.print(
        f"time: {_time(found.hours.value)} ({low} to {high}) on {machine}, start included", style="bold"
    )
    out.print(f"bounded by: {found.bound.replace('_', ' ')}")
    size, least, most = map(_size, found.output_bytes)
    out.print(f"table: {size} ({least} to {most})")
    if model is not None:
        _show_rates(model)


def _show_rates(model: Rates) -> None:
    """The model, start left out: by it other archives and machines are reckoned."""
    out = console()
    table = Table("once it runs", box=None, pad_edge=False)
    for column in ("", "from", "to"):
        table.add_column(column, justify="right")
    for name, found, way in (
        ("clips a second, one core, reading included", model.core_clips_per_second, _number),
        ("videos read a second, one core", model.core_videos_read_per_second, _number),
        ("clips a second, one GPU", model.gpu_clips_per_second, _number),
        ("cores that read for one GPU", model.cores_per_gpu, _number),
        ("bytes of a study, in", model.study_bytes_in, _size),
        ("bytes of a study, out", model.study_bytes_out, _size),
        ("studies an hour", model.studies_per_hour, _number),
        ("cost of 1,000 studies", model.cost_per_1000_studies, _number),
        ("cost of all, start included", model.cost, _number),
    ):
        if isinstance(found, Range):
            table.add_row(name, *map(way, found))
        elif found is not None:
            table.add_row(name, way(found), "", "")
    out.print(table)


def _number(value: float) -> str:
    """With three digits that say something.

    Examples
    --------
    >>> _number(0.4567), _number(12.34), _number(1620.4), _number(float("inf"))
    ('0.457', '12.3', '1,620', 'unknown')
    """
    if not math.isfinite(value):
        return "unknown"
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f}"


def _size(number: float) -> str:
    """Bytes in words.

    Examples
    --------
    >>> _size(2_900), _size(2_500_000), _size(61_000_000_000)
    ('2.9 kB', '2.5 MB', '61.0 GB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number / 1e3:,.1f} kB"


def _time(hours: float) -> str:
    """Hours in words.

    Examples
    --------
    >>> _time(0.002), _time(0.5), _time(30.25), _time(400.0)
    ('7 s', '30 min', '30.2 h', '16.7 days')
    """
    if hours < 1 / 30:
        return f"{hours * 3600:.0f} s"
    if hours < 2:
        return f"{hours * 60:.0f} min"
    return f"{hours:,.1f} h" if hours < 100 else f"{hours / 24:,.1f} days"
