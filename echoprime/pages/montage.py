"""One study at a glance: a PNG with a tile for each video, its view and how sure the classifier is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from echoprime.reading import Clip

TILE, GAP, MARGIN = 224, 12, 28
"""Pixels: a tile is as large as what the networks see."""
HEAD, FOOT, CAPTION = 44, 36, 30
PAPER, INK, QUIET, RULE, AMBER = (13, 15, 18), (226, 229, 233), (128, 135, 144), (38, 43, 50), (226, 170, 82)
FULL_ROW = 5
"""Videos that still stand in one row or are spread over even rows of at most this many."""


def draw_montage(
    clips: Sequence[Clip],
    views: Sequence[str],
    probabilities: Sequence[float],
    *,
    notice: str,
    title: str = "",
) -> bytes:
    """Draw the middle frame of every video of a study.

    Parameters
    ----------
    clips
        The videos as the networks see them: the sector alone, nothing that was written around it.
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
    if not clips or not len(clips) == len(views) == len(probabilities):
        raise ValueError(
            f"{len(clips)} clips, {len(views)} views, {len(probabilities)} probabilities: must be as many"
        )
    columns, rows = grid(len(clips))
    width = 2 * MARGIN + columns * TILE + (columns - 1) * GAP
    height = HEAD + rows * (TILE + CAPTION) + (rows - 1) * GAP + (FOOT if notice else MARGIN // 2)
    page = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, HEAD / 2), title, INK, font=_font(16), anchor="lm")
    videos = f"{len(clips)} video{'s' if len(clips) > 1 else ''}"
    pen.text((width - MARGIN, HEAD / 2), videos, QUIET, font=_font(13), anchor="rm")
    for index, (clip, view, probability) in enumerate(zip(clips, views, probabilities, strict=True)):
        left = MARGIN + index % columns * (TILE + GAP)
        top = HEAD + index // columns * (TILE + CAPTION + GAP)
        page.paste(Image.fromarray(middle_frame(clip)), (left, top))
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


def middle_frame(clip: Clip) -> NDArray[np.uint8]:
    """The frame in the middle of those that are real: uint8 (224, 224, 3), RGB.

    The networks see DICOM clips in the order blue, green, red; other videos as red, green, blue.
    """
    frame = clip.frames[clip.used // 2]
    return np.ascontiguousarray(frame[..., ::-1] if clip.format == "dicom" else frame)


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
