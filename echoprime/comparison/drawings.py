"""Drawings of a comparison: values of both against each other, differences with their limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from echoprime.comparison.agreement import ValueChange
from echoprime.pages.charts import ACCENT, QUIET, RULE, SECOND, as_svg, chart

COLUMNS = 4


def scatter(points: Mapping[str, NDArray[Any]], first: str, second: str) -> Markup:
    """A small scatter a phenotype, second against first, with the line on which nothing changes.

    Parameters
    ----------
    points
        Phenotype -> float64 (2, n).
    first, second
        Names of the two interpretations.
    """
    rows = math.ceil(len(points) / COLUMNS)
    columns = min(COLUMNS, len(points))
    with chart(height=2.5 * rows, width=2.4 * columns, rows=rows, columns=columns) as (figure, axes):
        grid = np.asarray(axes, object).ravel()
        for place, (name, (one, two)) in enumerate(points.items()):
            here = grid[place]
            low, high = _span(np.concatenate([one, two]))
            here.plot([low, high], [low, high], color=QUIET, linewidth=0.8)
            here.scatter(one, two, s=12, color=ACCENT, alpha=0.6, linewidths=0)
            here.set(xlim=(low, high), ylim=(low, high), aspect="equal")
            here.set_title(name.replace("_", "\n", 1).replace("_", " "), fontsize=7.5)
            here.tick_params(labelsize=7)
            here.locator_params(nbins=4)
        for empty in grid[len(points) :]:
            empty.set_axis_off()
        figure.supxlabel(first, fontsize=8)
        figure.supylabel(second, fontsize=8)
        return as_svg(figure)


def _span(values: NDArray[Any]) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - margin, high + margin


def differences(change: ValueChange, pair: NDArray[Any]) -> Markup:
    """Difference against mean of one phenotype, with the limits of agreement of all its studies.

    Parameters
    ----------
    change
        Its numbers.
    pair
        float64 (2, n): the studies that are drawn.
    """
    unit = f", {change.unit}" if change.unit else ""
    with chart(height=3.0) as (figure, axes):
        axes.axhline(0, color=RULE, linewidth=0.8)
        axes.scatter(pair.mean(axis=0), pair[1] - pair[0], s=12, color=ACCENT, alpha=0.6, linewidths=0)
        for value, style in ((change.mean_difference, "-"), (change.low, "--"), (change.high, "--")):
            if value is not None:
                axes.axhline(value, color=SECOND, linestyle=style, linewidth=1)
                axes.annotate(
                    f"{value:.2f}", (1, value), xycoords=("axes fraction", "data"), xytext=(4, 0),
                    textcoords="offset points", va="center", color=SECOND, fontsize=8,
                )  # fmt: skip
        axes.set_title(change.name.replace("_", " "))
        axes.set_xlabel(f"mean of both{unit}")
        axes.set_ylabel(f"second minus first{unit}")
        return as_svg(figure)


def limits(changes: Sequence[ValueChange]) -> Markup:
    """Mean difference and limits of agreement of the phenotypes that are shares of 0..1."""
    known = [
        (each.name.replace("_", " "), each.mean_difference, each.low, each.high)
        for each in reversed(changes)
        if not each.unit and each.mean_difference is not None
    ]
    with chart(height=0.6 + 0.24 * len(known)) as (figure, axes):
        axes.axvline(0, color=RULE, linewidth=0.8)
        for place, (_, mean, low, high) in enumerate(known):
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=QUIET, linewidth=1.2)
            axes.scatter([mean], [place], s=20, color=ACCENT, zorder=3)
        axes.set_yticks(range(len(known)), [name for name, *_ in known], fontsize=8)
        axes.set_xlabel("second minus first: mean, and 1.96 standard deviations to both sides")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return as_svg(figure)
