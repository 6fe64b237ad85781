"""The page of a comparison."""

from __future__ import annotations

from echoprime.comparison.comparing import FILES, POINTS_SHOWN, Comparison
from echoprime.comparison.drawings import differences, limits, scatter
from echoprime.pages import render_page
from echoprime.pages.study import KEY_SHOWN


def comparison_page(comparison: Comparison, *, identifiers: bool = False) -> str:
    """One self-contained HTML file.

    Parameters
    ----------
    comparison
        From `compare_tables`.
    identifiers
        Whether studies' identifiers stand on the page.
    """
    drawn = {name: pair for name, pair in comparison.points.items() if pair.shape[1]}
    by_name = {each.name: each for each in comparison.values}
    names = [each.name for each in comparison.values]
    shares = [each for each in comparison.values if not each.unit and each.mean_difference is not None]
    return render_page(
        "comparison.html.j2",
        title=f"{comparison.first} against {comparison.second}",
        notice=" · ".join(comparison.notices),
        comparison=comparison,
        identifiers=identifiers,
        key_shown=KEY_SHOWN,
        settings=[(name, first.strip('"'), second.strip('"')) for name, first, second in comparison.settings],
        scatter=scatter(drawn, comparison.first, comparison.second) if drawn else None,
        all_drawn=comparison.both <= POINTS_SHOWN,
        shown=max((pair.shape[1] for pair in drawn.values()), default=0),
        differences=[
            differences(by_name[name], drawn[name]) for name in names if name in drawn and by_name[name].unit
        ],
        limits=limits(shares) if shares else None,
        unknown=[each.name for each in comparison.values if not each.both_known],
        moved=[each for each in comparison.calls if each.moved],
        unmoved=[each.name for each in comparison.calls if not each.moved],
        files=FILES,
    )
