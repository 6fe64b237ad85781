"""Drawings for pages: matplotlib figures as inline SVG in the page's own colours, light and dark.

with chart(height=3.2) as (figure, axes):
    axes.scatter(drawn, estimated, color=ACCENT, s=12)
svg = as_svg(figure)
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, RULE = "#010101", "#020202", "#030303"
ACCENT, SECOND, THIRD, FOURTH = "#040404", "#050505", "#060606", "#070707"
"""Colours to draw with. They stand for the style sheet's: `as_svg` puts its variables in their place."""

_VARIABLES = {
    INK: "ink", QUIET: "quiet", RULE: "rule", ACCENT: "accent", SECOND: "second", THIRD: "third",
    FOURTH: "fourth",
}  # fmt: skip
WIDTH = 7.2
"""Inches; a page is as wide as a little more than one drawing."""


@contextmanager
def chart(
    *, width: float = WIDTH, height: float = 3.2, rows: int = 1, columns: int = 1
) -> Iterator[tuple[Figure, Axes]]:
    """A figure with axes in the pages' style, and that style for as long as it is drawn in.

    Parameters
    ----------
    width, height
        Inches at 72 to the inch.
    rows, columns
        More than one: the axes come as matplotlib's array of them, shape (rows, columns).

    Yields
    ------
    The figure, and its axes.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as NewFigure

    # Figure alone, not pyplot: nothing global is kept, and no display is looked for.
    with mpl.rc_context(_STYLE):
        figure = NewFigure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns)


_STYLE: Any = {
    "text.parse_math": False, "svg.fonttype": "none",
    "svg.hashsalt": "echoprime", "font.size": 9, "font.family": "sans-serif",
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": QUIET, "xtick.color": QUIET,
    "ytick.color": QUIET, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
    "grid.color": RULE, "grid.linewidth": 0.8, "axes.axisbelow": True, "legend.frameon": False,
    "axes.titlesize": 9, "axes.titleweight": "bold", "axes.titlelocation": "left", "lines.linewidth": 1.4,
}  # fmt: skip


def as_svg(figure: Figure) -> Markup:
    """A figure as an `<svg>` element: the same bytes for the same drawing, texts as texts.

    Parameters
    ----------
    figure
        From `chart`; drawn in the colours above.
    """
    import matplotlib as mpl

    content = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # names of groups, which stand in every drawing of a page alike; what is referred to has other names
    svg = re.sub(r'<g id="[a-zA-Z0-9.]+_\d+">', "<g>", svg)
    for colour, name in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{name})")
    # the page's own letters
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 inherit; font-family: inherit", svg)
    return Markup(svg)  # nosec B704  # matplotlib escapes what is drawn
