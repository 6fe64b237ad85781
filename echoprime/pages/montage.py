"""One study at a glance: a PNG with a tile for each video, its view and how sure the classifier is."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from echoprime.pages.display import Shown

TILE, GAP, MARGIN = 224, 12, 28
"""Pixels: a tile is as large as what the networks see."""
HEAD, FOOT, CAPTION = 44, 36, 30
PAPER, INK, QUIET, RULE, AMBER = (13, 15, 18), (226, 229, 233), (128, 135, 144), (38, 43, 50), (226, 170, 82)
FULL_ROW = 5
"""Videos that still stand in one row or are spread over even rows of at most this many."""


def draw_montage(
    pictures: Sequence[Shown],
    views: Sequence[str],
    probabilities: Sequence[float],
    *,
    notice: str,
    title: str = "",
) -> bytes:
    """Draw the middle frame of every video of a study.

    Parameters
    ----------
    pictures
        What may be shown of each video, see `echoprime.pages.display.shown`.
    views, probabilities
        For each its most probable view and that view's probability, 0..1.
    notice
        Written across the bottom: what must be said beside every number; "" = nothing.
    title
        Written above; never a patient's name.

    Returns
    -------
    A PNG, RGB.

    Raises
    ------
    ValueError
        When the three differ in length, or are empty.
    """
    if not pictures or not len(pictures) == len(views) == len(probabilities):
        raise ValueError(
            f"{len(pictures)} pictures, {len(views)} views, {len(probabilities)} probabilities: not as many"
        )
    columns, rows = grid(len(pictures))
    width = 2 * MARGIN + columns * TILE + (columns - 1) * GAP
    height = HEAD + rows * (TILE + CAPTION) + (rows - 1) * GAP + (FOOT if notice else MARGIN // 2)
    page = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, HEAD / 2), title, INK, font=_font(16), anchor="lm")
    videos = f"{len(pictures)} video{'s' if len(pictures) > 1 else ''}"
    pen.text((width - MARGIN, HEAD / 2), videos, QUIET, font=_font(13), anchor="rm")
    for index, (picture, view, probability) in enumerate(zip(pictures, views, probabilities, strict=True)):
        left = MARGIN + index % columns * (TILE + GAP)
        top = HEAD + index // columns * (TILE + CAPTION + GAP)
        if picture.why_not:
            words = textwrap.fill(f"not shown: {picture.why_not}", 26)
            pen.text(
                (left + TILE / 2, top + TILE / 2), words, QUIET, font=_font(13), anchor="mm", align="center"
            )
        else:
            page.paste(Image.fromarray(picture.middle), (left, top))
        pen.rectangle((left, top, left + TILE - 1, top + TILE - 1), outline=RULE)
        _caption(pen, left, top + TILE, view, probability)
    if notice:
        pen.line((MARGIN, height - FOOT, width - MARGIN, height - FOOT), RULE)
        pen.text((width / 2, height - FOOT / 2), notice, AMBER, font=_font(13), anchor="mm")
    content = BytesIO()
    page.save(content, "PNG", optimize=True)
    return content.getvalue()


def grid(count: int) -> tuple[int, int]:
    """Columns and rows for so many tiles.

    Examples
    --------
    >>> grid(4), grid(7), grid(12)
    ((4, 1), (4, 2), (4, 3))
    """
    rows = math.ceil(count / FULL_ROW)
    return math.ceil(count / rows), rows


def _caption(pen: ImageDraw.ImageDraw, left: int, top: int, view: str, probability: float) -> None:
    """View, probability, and a thin bar as long as the probability is large."""
    middle = top + CAPTION / 2 + 1
    font, words = _font(14), view.replace("_", " ")
    pen.text((left, middle), words, INK, font=font, anchor="lm")
    pen.text((left + font.getlength(words) + 8, middle), f"{probability:.2f}", QUIET, font=font, anchor="lm")
    pen.line((left, top, left + TILE - 1, top), RULE, 2)
    pen.line((left, top, left + round((TILE - 1) * min(max(probability, 0.0), 1.0)), top), AMBER, 2)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, so that pages look the same on every machine."""
    return ImageFont.load_default(size)
