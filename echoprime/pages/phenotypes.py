"""Phenotypes as a study's page shows them: value, spread of the neighbours' labels, call, threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from echoprime.bundle.phenotypes import UNITS
from echoprime.pages.charts import ACCENT, SECOND, as_svg, chart

LOW, HIGH = 10, 90
"""Percentiles between which the middle of the neighbours' labels lies."""
BINS = 50
"""Of a histogram: 2 % or about 1 mmHg each."""


def phenotype_rows(interpretation: Mapping[str, Any], identity: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every phenotype with its evidence, in the order of the sections.

    Parameters
    ----------
    interpretation
        A row of an interpretations table.
    identity
        The table's: `thresholds` by phenotype.

    Returns
    -------
    list of dict
        name, section, unit ("" = a share of 0..1), value, spread (in words), used and neighbours (counts),
        threshold, call ("yes", "no" or ""), similarity (nearest and farthest of the neighbours, or None).
    """
    thresholds = identity.get("thresholds") or {}
    found = []
    for section in interpretation["sections"]:
        for place, name in enumerate(section["phenotypes"]):
            if name not in interpretation:
                continue
            labels = _labels(section, place)
            call = interpretation.get(f"{name}_call")
            similarities = [neighbour["similarity"] for neighbour in section["neighbours"]]
            found.append(
                {
                    "name": name,
                    "section": section["section"],
                    "unit": UNITS.get(name, ""),
                    "value": interpretation[name],
                    "spread": spread(labels, continuous=name in UNITS)
                    if section["assessable"]
                    else "not assessable",
                    "used": len(labels),
                    "neighbours": len(section["neighbours"]),
                    "threshold": thresholds.get(name),
                    "call": "" if call is None else "yes" if call else "no",
                    "similarity": (max(similarities), min(similarities)) if similarities else None,
                }
            )
    return found


def spread(labels: NDArray[np.float64], *, continuous: bool) -> str:
    """How far the neighbours agree, in words.

    Examples
    --------
    >>> spread(np.array([50.0, 60.0, 55.0]), continuous=True)
    '51 to 59, SD 5.0'
    >>> spread(np.array([1.0, 0.0, 1.0]), continuous=False)
    '2 of 3 have it'
    >>> spread(np.array([]), continuous=False)
    'none has the label'
    """
    if not len(labels):
        return "none has the label"
    if not continuous:
        return f"{np.count_nonzero(labels > 0)} of {len(labels)} have it"
    low, high = np.percentile(labels, (LOW, HIGH))
    deviation = f", SD {np.std(labels, ddof=1):.1f}" if len(labels) > 1 else ""
    return f"{low:.0f} to {high:.0f}{deviation}"


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
