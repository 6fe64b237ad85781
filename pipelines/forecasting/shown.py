"""A plan as a person reads it."""

from __future__ import annotations

from rich.table import Table

from pipelines.console import console
from pipelines.forecasting.forecast import Forecast, Range
from pipelines.forecasting.to_do import ToDo
from pipelines.ray_session import ClusterSize
from pipelines.summary import studies_said


def show_counts(todo: ToDo) -> None:
    """What is listed, done and to do."""
    out = console()
    out.print(f"listed: {todo.listed_studies:,} studies, {todo.listed_videos:,} videos")
    for word, count in studies_said(todo.counts).items():
        out.print(f"  {count:,} {word}")
    if todo.duplicate_paths:
        out.print(f"  {todo.duplicate_paths:,} paths stand in it more than once: each is encoded as often")
    if not todo.videos:
        out.print("nothing to do")
        return
    out.print(f"to do: {todo.studies:,} studies, {todo.videos:,} videos, {_size(todo.bytes)}", style="bold")


def show_forecast(found: Forecast, todo: ToDo, cluster: ClusterSize, costs: Range | None) -> None:
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
    if costs is not None:
        out.print(f"cost: {costs.value:,.2f} ({costs.low:,.2f} to {costs.high:,.2f})")


def _size(number: float) -> str:
    """Bytes in words.

    Examples
    --------
    >>> _size(2_500_000), _size(61_000_000_000)
    ('2.5 MB', '61.0 GB')
    """
    return f"{number / 1e6:,.1f} MB" if number < 1e9 else f"{number / 1e9:,.1f} GB"


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
