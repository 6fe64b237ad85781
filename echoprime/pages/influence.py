"""What a study's values would be without one of its videos or views: which loop decides, and what holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echoprime.bundle.phenotypes import UNITS
from echoprime.pages.page import NOTHING, number, words


def influence_rows(
    interpretation: Mapping[str, Any], videos: Sequence[int], views: Sequence[str]
) -> list[dict[str, Any]]:
    """Per phenotype that has a value: the video that moves it most, and the value without each view.

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
        name, value, video (in words: the one that decides), without_video, without_views (in words),
        flips (in words: what turns the call; "" = nothing does).
    """
    rows = []
    for each in interpretation["phenotypes"]:
        if not each["assessable"]:
            continue
        digits = 1 if each["phenotype"] in UNITS else 2
        place = _deciding(each)
        names = [f"{videos[at]} ({words(views[at])})" for at in range(len(each["videos"]))]
        turning = [
            *[
                f"video {name}"
                for name, video in zip(names, each["videos"], strict=True)
                if _turns(each, video)
            ],
            *[words(view["view"]) for view in each["views"] if _turns(each, view)],
        ]
        rows.append(
            {
                "name": each["phenotype"],
                "value": number(each["value"], digits),
                "video": NOTHING if place is None else names[place],
                "without_video": "" if place is None else _without(each, each["videos"][place], digits),
                "without_views": ", ".join(
                    f"{words(view['view'])} {_without(each, view, digits)}" for view in each["views"]
                ),
                "flips": ", ".join(turning),
            }
        )
    return rows


def _deciding(phenotype: Mapping[str, Any]) -> int | None:
    """The video without which the value moves most, or is no more; None where none moves it.

    Examples
    --------
    >>> moved = [{"share": 0.5, "value_without": 58.0}, {"share": 0.5, "value_without": 51.0}]
    >>> _deciding({"value": 55.0, "videos": moved})
    1
    """
    moves = [
        0.0
        if not video["share"]
        else float("inf")
        if video["value_without"] is None
        else abs(video["value_without"] - phenotype["value"])
        for video in phenotype["videos"]
    ]
    return max(range(len(moves)), key=moves.__getitem__) if any(moves) else None


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
