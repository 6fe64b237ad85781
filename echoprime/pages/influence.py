"""What a study's values would be without one of its videos or views: which loop decides, and what holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echoprime.bundle.phenotypes import UNITS
from echoprime.pages.page import NOTHING, number, words


def influence_rows(
    interpretation: Mapping[str, Any], videos: Sequence[int], views: Sequence[str]
) -> list[dict[str, Any]]:
    """Per phenotype that has a value: the video and the view that move it most, and what turns its call.

    Parameters
    ----------
    interpretation
        A row of an interpretations table that was made with `--influence`.
    videos
        The encoded videos' numbers on the page.
    views
        Their views.

    Returns
    -------
    list of dict
        name, value, video and view (in words: the one without which the value moves most), without_video and
        without_view (in words), flips (in words: what turns the call; "" = nothing does).
    """
    rows = []
    for each in interpretation["phenotypes"]:
        if not each["assessable"]:
            continue
        digits = 1 if each["phenotype"] in UNITS else 2
        of_videos = [f"{videos[at]} ({words(views[at])})" for at in range(len(each["videos"]))]
        of_views = [words(view["view"]) for view in each["views"]]
        parts = [*zip(of_videos, each["videos"], strict=True), *zip(of_views, each["views"], strict=True)]
        video, without_video = _deciding(each, of_videos, each["videos"], digits)
        view, without_view = _deciding(each, of_views, each["views"], digits)
        rows.append(
            {
                "name": each["phenotype"],
                "value": number(each["value"], digits),
                "video": video,
                "without_video": without_video,
                "view": view,
                "without_view": without_view,
                "flips": ", ".join(name for name, part in parts if _turns(each, part)),
            }
        )
    return rows


def _deciding(
    phenotype: Mapping[str, Any], names: Sequence[str], parts: Sequence[Mapping[str, Any]], digits: int
) -> tuple[str, str]:
    """Name of the part without which the value moves most or is no more, and what it is then.

    Examples
    --------
    >>> moved = [{"share": 0.5, "value_without": 58.0}, {"share": 0.5, "value_without": 51.0}]
    >>> _deciding({"value": 55.0}, ["1 (A4C)", "2 (A2C)"], moved, 1)
    ('2 (A2C)', '51.0 (-4.0)')
    """
    moves = [
        0.0
        if not part["share"]
        else float("inf")
        if part["value_without"] is None
        else abs(part["value_without"] - phenotype["value"])
        for part in parts
    ]
    if not any(moves):
        return NOTHING, ""
    place = max(range(len(moves)), key=moves.__getitem__)
    return names[place], _without(phenotype, parts[place], digits)


def _turns(phenotype: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Whether the call is another one without a video or view."""
    if phenotype["call"] is None or part["value_without"] is None:
        return False
    return bool((part["value_without"] >= phenotype["threshold"]) != phenotype["call"])


def _without(phenotype: Mapping[str, Any], part: Mapping[str, Any], digits: int) -> str:
    """The value without a video or view, and by how much it is another.

    Examples
    --------
    >>> [_without({"value": 55.0}, {"value_without": value}, 1) for value in (58.04, None)]
    ['58.0 (+3.0)', 'no value']
    """
    value = part["value_without"]
    if value is None:
        return "no value"
    return f"{number(value, digits)} ({value - phenotype['value']:+.{digits}f})"
