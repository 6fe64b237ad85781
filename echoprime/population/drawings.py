"""What a population's page shows: drawings of the numbers in its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from echoprime.pages.charts import ACCENT, INK, QUIET, RULE, SECOND, as_svg, chart
from echoprime.pages.page import words
from echoprime.population.analysed import Floats

MOST_POINTS = 2_000
"""Points of a scatter; more are drawn as how many lie in a cell."""

CELLS = 48
BINS = 40
CURVE_POINTS = 200
NAME_INCHES, ROW_INCHES = 0.22, 0.24

Row = dict[str, Any]


def histogram(values: Floats, label: str, least: int) -> Markup:
    """Distribution of a continuous phenotype over studies.

    Parameters
    ----------
    values
        float (studies,), all known.
    label
        Of its axis, with the unit.
    least
        Bars of fewer studies are left out.
    """
    bins = min(BINS, max(5, int(np.sqrt(len(values)) * 2)))
    if least > 1:
        cells, step = _cells(values, bins)
        places, counts = np.unique(cells, return_counts=True)
        starts, widths = step * places[counts >= least], np.array(step)
        counts = counts[counts >= least]
    else:
        counts, edges = np.histogram(values, bins=bins)
        starts, widths = edges[:-1], np.diff(edges)
    with chart(height=2.4) as (figure, axes):
        axes.bar(starts, counts, widths * 0.94, align="edge", color=ACCENT)
        axes.axvline(float(np.median(values)), color=SECOND, linestyle="--")
        axes.set_xlabel(f"{label} (dashed: median)")
        axes.set_ylabel("studies")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return as_svg(figure)


def shares(rows: Sequence[Row], what: str) -> Markup:
    """Shares of studies with their intervals, a line each, the largest on top."""
    rows = sorted(rows, key=lambda row: row["share"])
    with chart(height=0.7 + ROW_INCHES * len(rows)) as (figure, axes):
        places = np.arange(len(rows))
        values = 100 * np.array([row["share"] for row in rows])
        low, high = (100 * np.array([row[f"share_{end}"] for row in rows]) for end in ("low", "high"))
        axes.hlines(places, low, high, color=ACCENT, linewidth=1.6)
        axes.plot(values, places, "o", color=ACCENT, markersize=4.5)
        axes.set_yticks(places, [_short(row[what]) for row in rows], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(left=0)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x")
        axes.set_xlabel("called, % of assessed studies")
    return as_svg(figure)


def over_time(rows: Sequence[Row], label: str, factor: float = 1.0) -> Markup:
    """One phenotype over calendar time: each period's value and interval."""
    shown = [row for row in rows if row["value"] is not None]
    with chart(height=2.2) as (figure, axes):
        days = (
            np.array([row["starts"] for row in shown], "datetime64[D]").astype("datetime64[s]").astype(object)
        )
        values = factor * np.array([row["value"] for row in shown])
        known = [place for place, row in enumerate(shown) if row["value_low"] is not None]
        if known:
            low, high = (
                factor * np.array([shown[at][f"value_{end}"] for at in known]) for end in ("low", "high")
            )
            axes.vlines(days[known], low, high, color=RULE, linewidth=3)
        axes.plot(days, values, "o-", color=ACCENT, markersize=4)
        axes.set_ylabel(label)
        axes.grid(axis="y")
        figure.autofmt_xdate(rotation=0, ha="center")
    return as_svg(figure)


def scatter(known: Floats, estimated: Floats, unit: str, least: int) -> Markup:
    """Estimated against known, and the line on which both are equal."""
    with chart(width=4.6, height=4.2) as (figure, axes):
        drawn = _cloud(axes, known, estimated, least)
        if drawn.size:
            # over what is drawn: what is not, is not to be read off the line's ends either
            ends = [drawn.min(), drawn.max()]
            axes.plot(ends, ends, color=QUIET, linestyle="--", linewidth=1)
        axes.set_xlabel(f"known, {unit}")
        axes.set_ylabel(f"estimated, {unit}")
        axes.set_aspect("equal", adjustable="datalim")
    return as_svg(figure)


def bland_altman(known: Floats, estimated: Floats, row: Row, least: int) -> Markup:
    """Differences against means, the bias and the limits of agreement with their intervals."""
    with chart(width=5.2, height=4.2) as (figure, axes):
        for name, style in (("bias", "-"), ("limit_low", "--"), ("limit_high", "--")):
            if row[name] is None:
                continue
            if row[f"{name}_from"] is not None:
                axes.axhspan(row[f"{name}_from"], row[f"{name}_to"], color=RULE, alpha=0.5, linewidth=0)
            axes.axhline(row[name], color=SECOND, linestyle=style, linewidth=1.2)
            axes.annotate(
                f"{row[name]:.1f}", (1, row[name]), xycoords=("axes fraction", "data"), color=SECOND,
                xytext=(4, 0), textcoords="offset points", va="center", annotation_clip=False,
            )  # fmt: skip
        _cloud(axes, (known + estimated) / 2, estimated - known, least)
        axes.set_xlabel(f"mean of both, {row['unit']}")
        axes.set_ylabel(f"estimated - known, {row['unit']}")
    return as_svg(figure)


def roc(truth: Floats, scores: Floats, least: int) -> Markup:
    """The ROC curve, and the diagonal of guessing; no step of fewer than `least` studies is drawn."""
    wrong, right, _ = roc_curve(truth, scores)
    if least > 1:
        kept = coarse_steps(wrong * (truth == 0).sum(), right * (truth > 0).sum(), least)
    else:
        kept = np.unique(np.linspace(0, len(wrong) - 1, min(len(wrong), CURVE_POINTS)).astype(int))
    with chart(width=3.6, height=3.3) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1)
        axes.plot(wrong[kept], right[kept], color=ACCENT)
        axes.set_xlabel("1 - specificity")
        axes.set_ylabel("sensitivity")
        axes.set_aspect("equal")
    return as_svg(figure)


def coarse_steps(wrong: Floats, right: Floats, least: int) -> NDArray[np.int64]:
    """Points of a ROC curve between which at least so many studies of both kinds lie; first and last stay.

    Parameters
    ----------
    wrong, right
        float (points,): how many studies without and with the finding are called, ascending.
    least
        Studies.

    Examples
    --------
    >>> coarse_steps(np.array([0.0, 1, 5, 9, 9, 10]), np.array([0.0, 4, 6, 6, 9, 10]), 4)
    array([0, 2, 5])
    """
    kept = [0]
    for place in range(1, len(wrong) - 1):
        steps = [(count[place] - count[kept[-1]], count[-1] - count[place]) for count in (wrong, right)]
        if min(min(pair) for pair in steps) >= least - 0.5:  # counts up to a rounding
            kept.append(place)
    return np.array([*kept, len(wrong) - 1])


def pairs_of_patients(first: Floats, last: Floats, days: Floats, label: str) -> Markup:
    """Each patient's first and last value as a line over the days between."""
    with chart(height=2.6) as (figure, axes):
        for start, end, apart in zip(first, last, days, strict=True):
            axes.plot([0, apart], [start, end], "o-", color=ACCENT, markersize=3, linewidth=0.9, alpha=0.8)
        axes.set_xlabel("days since the patient's first study")
        axes.set_ylabel(label)
    return as_svg(figure)


def bars(rows: Sequence[Row]) -> Markup:
    """Videos by level, as parts of their whole."""
    rows = list(reversed(rows))
    with chart(height=0.7 + NAME_INCHES * len(rows)) as (figure, axes):
        places = np.arange(len(rows))
        axes.barh(places, [100 * row["number"] / row["of"] for row in rows], 0.62, color=ACCENT)
        axes.set_yticks(places, [_short(row["level"]) for row in rows], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(f"% of {rows[0]['of']:,} {rows[0]['counted']}")
    return as_svg(figure)


def _cloud(axes: Any, x: Floats, y: Floats, least: int) -> Floats:  # noqa: ANN401  # matplotlib's Axes
    """Points, or where there are many, or none may be seen alone, cells whose area says how many.

    Returns
    -------
    float (drawn, 2): where they lie.
    """
    if len(x) <= MOST_POINTS and least <= 1:
        axes.scatter(x, y, s=14, color=ACCENT, alpha=0.75, linewidths=0)
        return np.stack([x, y], axis=1)
    (columns, width), (rows, height) = _cells(x, CELLS), _cells(y, CELLS)
    high = np.ptp(rows) + 1
    codes, counts = np.unique((columns - columns.min()) * high + rows - rows.min(), return_counts=True)
    codes, counts = codes[counts >= least], counts[counts >= least]
    cells = np.stack([codes // high + columns.min(), codes % high + rows.min()], axis=1)
    centres: Floats = (cells + 0.5) * np.array([width, height])
    if len(cells):
        sizes = 1 + 29 * counts / counts.max()
        axes.scatter(centres[:, 0], centres[:, 1], s=sizes, marker="s", color=ACCENT, linewidths=0)
    return centres


def _cells(values: Floats, cells: int) -> tuple[NDArray[np.int64], float]:
    """The cell that each value lies in, and a cell's width: round numbers that no single value decides.

    Cell 0 begins at 0; some `cells` of them hold nine tenths of the values.
    """
    low, high = np.quantile(values, [0.05, 0.95])
    raw = float(high - low) / (0.9 * cells) or 1.0
    unit = 10.0 ** np.floor(np.log10(raw))
    step = unit * next(times for times in (1, 2, 5, 10) if times * unit >= raw * (1 - 1e-9))
    return np.floor(values / step).astype(np.int64), step


def _short(name: str, most: int = 38) -> str:
    name = words(name)
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
