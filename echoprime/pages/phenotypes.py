"""Phenotypes as a study's page shows them: value, spread of the neighbours' labels, call, threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from echoprime.bundle.phenotypes import CALIBRATION, UNITS
from echoprime.pages.charts import ACCENT, SECOND, as_svg, chart
from echoprime.pages.page import number
from echoprime.tables import NO_LABEL, NO_VIDEO_COUNTS, NOTHING_ENCODED

BINS = 50
"""Of a histogram: 2 % or about 1 mmHg each."""
FAR = 1.0
"""Percentile below which a nearest neighbour is named far: one candidate of a hundred lies so far out."""

WHY_NOT = {
    NOTHING_ENCODED: "no video was encoded",
    NO_VIDEO_COUNTS: "no video shows a view that counts",
    NO_LABEL: "no neighbour has the label",
}
"""Reasons for no value, as a person reads them."""


def phenotype_rows(interpretation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every phenotype with its evidence, in the order of the section weights.

    Parameters
    ----------
    interpretation
        A row of an interpretations table.

    Returns
    -------
    list of dict
        The fields of `echoprime.tables.schema.PHENOTYPE`, and unit ("" = a share of 0..1), spread, interval,
        by_clip and origin (in words), said ("yes", "no" or ""), turns (whether the call does by some clip),
        distance (the percentile in words), far (below `FAR`), by_calibration (a finding's probability, the
        interval around a number; "" = none).
    """
    order = {section["section"]: number for number, section in enumerate(interpretation["sections"])}
    rows = []
    for each in sorted(interpretation["phenotypes"], key=lambda each: order[each["section"]]):
        unit, percentile = UNITS.get(each["phenotype"], ""), each["nearest_percentile"]
        rows.append(
            {
                **each,
                "unit": unit,
                "spread": spread(each) if each["assessable"] else WHY_NOT[each["reason"]],
                "interval": interval(each["low"], each["high"], 1 if unit else 2),
                "by_clip": by_clip(each["clips"], 1 if unit else 2),
                "turns": each["clips"] is not None and each["clips"]["stable"] is False,
                "origin": origin(each["sets"]),
                "said": "" if each["call"] is None else "yes" if each["call"] else "no",
                "distance": "" if percentile is None else distance(percentile),
                "far": percentile is not None and percentile < FAR,
                "by_calibration": by_calibration(each, unit),
            }
        )
    return rows


def sections_behind(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One row for each section that has neighbours: what its phenotypes share.

    Parameters
    ----------
    rows
        From `phenotype_rows`.

    Returns
    -------
    list of dict
        Those of each section's first phenotype.
    """
    return list({row["section"]: row for row in reversed(rows) if row["neighbours"]}.values())[::-1]


def origin(sets: Sequence[Mapping[str, Any]]) -> str:
    """How many neighbours came from each candidate set; "" where there is one set alone.

    Examples
    --------
    >>> official, own = {"set": "official", "neighbours": 41}, {"set": "own", "neighbours": 9}
    >>> origin([official, own]), origin([official])
    ('41 official, 9 own', '')
    """
    return ", ".join(f"{each['neighbours']} {each['set']}" for each in sets) if len(sets) > 1 else ""


def spread(phenotype: Mapping[str, Any]) -> str:
    """How far the neighbours agree, in words.

    Examples
    --------
    >>> quantiles = {"p10": 48.0, "p25": 51.0, "p50": 55.0, "p75": 58.2, "p90": 61.0}
    >>> spread({"positive": None, "labelled": 31, **quantiles})
    '55 (51 to 58; 48 to 61)'
    >>> spread({"positive": 2, "labelled": 3})
    '2 of 3 have it'
    """
    if phenotype["positive"] is not None:
        return f"{phenotype['positive']} of {phenotype['labelled']} have it"
    return (
        f"{phenotype['p50']:.0f} ({phenotype['p25']:.0f} to {phenotype['p75']:.0f}; "
        f"{phenotype['p10']:.0f} to {phenotype['p90']:.0f})"
    )


def interval(low: float | None, high: float | None, digits: int) -> str:
    """An interval as pages show it; "" where there is none.

    Examples
    --------
    >>> interval(0.046, 0.699, 2), interval(None, None, 2)
    ('0.05 to 0.70', '')
    """
    return "" if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def by_clip(clips: Mapping[str, Any] | None, digits: int) -> str:
    """Between which values a phenotype moves with the clips that are looked at; "" where videos have one.

    Examples
    --------
    >>> by_clip({"min": 51.26, "max": 57.0}, 1), by_clip({"min": 0.4, "max": 0.4}, 2), by_clip(None, 1)
    ('51.3 to 57.0', '0.40', '')
    """
    if clips is None or clips["min"] is None:
        return ""
    low, high = number(clips["min"], digits), number(clips["max"], digits)
    return low if low == high else f"{low} to {high}"


def by_calibration(phenotype: Mapping[str, Any], unit: str) -> str:
    """What a calibration makes of a value, as pages show it; "" where there is none.

    Examples
    --------
    >>> fraction = {"calibrated": None, "conformal_low": 46.2, "conformal_high": 64.2}
    >>> by_calibration(fraction, "%"), by_calibration({**fraction, "calibrated": 0.231}, "")
    ('46.2 to 64.2 %', '0.23')
    """
    if phenotype["calibrated"] is not None:
        return number(phenotype["calibrated"])
    ends = interval(phenotype["conformal_low"], phenotype["conformal_high"], 1)
    return f"{ends} {unit}".strip() if ends else ""


def uncalibrated(interpretation: Mapping[str, Any]) -> dict[str, list[str]]:
    """Phenotypes whose call rests on a threshold that no calibration gave, by where it comes from."""
    found: dict[str, list[str]] = {}
    for each in interpretation["phenotypes"]:
        if each["threshold"] is not None and each["threshold_from"] != CALIBRATION:
            found.setdefault(each["threshold_from"], []).append(each["phenotype"])
    return found


def distance(percentile: float) -> str:
    """Where a nearest neighbour's similarity lies among the candidates' own.

    Examples
    --------
    >>> distance(0.2), distance(37.4), distance(100.0)
    ('below 1 %', '37 %', 'above 99 %')
    """
    if percentile < FAR:
        return f"below {FAR:.0f} %"
    return f"above {100 - FAR:.0f} %" if percentile > 100 - FAR else f"{percentile:.0f} %"


def spreads(interpretation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A drawing for each continuous phenotype: the neighbours' labels as a histogram, the value as a line.

    Returns
    -------
    list of dict
        name, svg, caption.
    """
    found = []
    for section in interpretation["sections"]:
        for place, name in enumerate(section["phenotypes"]):
            labels = _labels(section, place)
            value = interpretation.get(name)
            if name in UNITS and len(labels) and value is not None:
                words = name.replace("_", " ").removesuffix(" continuous")
                caption = (
                    f"{words.capitalize()}, {UNITS[name]}: the labels of {len(labels)} neighbours that "
                    f"have one, the line at their mean, {value:.1f}."
                )
                found.append(
                    {"name": name, "svg": _histogram(labels, value, UNITS[name]), "caption": caption}
                )
    return found


def _histogram(labels: NDArray[np.float64], value: float, unit: str) -> Markup:
    from matplotlib.ticker import MaxNLocator  # half a second: only where something is drawn

    low, high = (0.0, 100.0) if unit == "%" else (0.0, max(60.0, float(labels.max())))
    with chart(height=1.7) as (figure, axes):
        axes.hist(labels, bins=BINS, range=(low, high), color=ACCENT, alpha=0.85)
        axes.axvline(value, color=SECOND)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.set(xlim=(low, high), xlabel=unit, ylabel="neighbours")
        return as_svg(figure)


def _labels(section: Mapping[str, Any], place: int) -> NDArray[np.float64]:
    """The labels of the neighbours that have one."""
    values = [neighbour["labels"][place] for neighbour in section["neighbours"]]
    return np.array([value for value in values if value is not None], np.float64)
