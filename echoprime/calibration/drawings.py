"""Drawings of a calibration: how often what is said comes true, how far numbers lie from the known."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from echoprime.calibration.finding import Finding
from echoprime.calibration.measures import reliability
from echoprime.calibration.number import Number
from echoprime.interpretation.spread import share_interval
from echoprime.pages.charts import ACCENT, QUIET, SECOND, as_svg, chart
from echoprime.pages.page import words
from echoprime.population.drawings import MOST_POINTS

COLUMNS = 4
SMALLEST_DOT, LARGEST_DOT = 8.0, 90.0
"""Square points: of a bin with one study, and what a bin with all of them has more."""


def reliability_diagrams(findings: Mapping[str, Finding]) -> Markup:
    """A small diagram a finding: share with the finding over what was said, before and after, by bins.

    Parameters
    ----------
    findings
        At least one, by name.
    """
    rows, columns = math.ceil(len(findings) / COLUMNS), min(COLUMNS, len(findings))
    with chart(height=2.5 * rows + 0.3, width=2.4 * columns, rows=rows, columns=columns) as (figure, axes):
        grid = np.asarray(axes, object).ravel()
        for here, (name, finding) in zip(grid, findings.items(), strict=False):
            here.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8)
            for said, colour, label in (
                (finding.before, SECOND, "value"),
                (finding.after, ACCENT, "calibrated"),
            ):
                bins = reliability(said, finding.truth)
                low, high = share_interval(bins[:, 1], bins[:, 2].astype(np.int64))
                here.vlines(bins[:, 0], low, high, color=colour, linewidth=0.9, alpha=0.6)
                sizes = SMALLEST_DOT + LARGEST_DOT * bins[:, 2] / len(finding.truth)
                here.scatter(bins[:, 0], bins[:, 1], s=sizes, color=colour, label=label, linewidths=0)
            here.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
            here.set_title(words(name).replace(" ", "\n", 1), fontsize=7.5)
            here.tick_params(labelsize=7)
            here.locator_params(nbins=4)
        grid[0].legend(fontsize=7, loc="upper left", markerscale=0.6)
        for empty in grid[len(findings) :]:
            empty.set_axis_off()
        figure.supxlabel("said", fontsize=8)
        figure.supylabel("have the finding", fontsize=8)
        return as_svg(figure)


def interval_diagram(number: Number) -> Markup:
    """Known against estimated numbers, the line on which both are equal, and the interval around it."""
    unit, width = number.entry["unit"], number.entry["half_width"]
    step = max(1, math.ceil(len(number.known) / MOST_POINTS))
    drawn = slice(None, None, step)
    ends = np.array([number.estimated.min(), number.estimated.max()])
    with chart(width=4.6, height=3.8) as (figure, axes):
        axes.fill_between(ends, ends - width, ends + width, color=ACCENT, alpha=0.12, linewidth=0)
        axes.plot(ends, ends, color=QUIET, linewidth=0.8)
        axes.scatter(
            number.estimated[drawn], number.known[drawn], s=10, color=ACCENT, alpha=0.6, linewidths=0
        )
        axes.set(xlabel=f"estimated, {unit}", ylabel=f"known, {unit}")
        return as_svg(figure)
