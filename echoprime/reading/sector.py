"""Sector mask: which pixels of a loop are ultrasound, rather than text, logos, scales and traces.

Source: README, "The method", step 1.3 (arXiv 2410.09704).
"""

from __future__ import annotations

import cv2
import numpy as np

from echoprime.reading.colour import Picture

CORNER = 20
"""Rows and columns at the top left whose changes do not count: the original's blind corner."""
NEIGHBOURS = np.ones((21, 21), np.uint8)
"""Kernel of the erosion that removes thin overlays, and of the dilation that joins what moves. It does what
3 x 3 do ten times, also at the borders."""
LINE = 3
"""Thickness in pixels of the hulls that close gaps of the outline."""

_OUTSIDE = 100  # any value but 0 and 255


def sector_mask(lit: Picture, first: Picture, last: Picture) -> Picture:
    """Find the sector of a loop from what is lit in it and what has changed by its end.

    Parameters
    ----------
    lit
        uint8 (rows, columns), above 0 where the grey of any frame is above 0. It counts only where
        `NEIGHBOURS` around the pixel has one of `changed_pixels`.
    first, last
        uint8 (rows, columns), grey of the loop's first and last frame.

    Returns
    -------
    uint8 (rows, columns), 255 inside and 0 outside. All 0 when nothing moves.

    Raises
    ------
    cv2.error
        OpenCV cannot treat a picture of this shape.

    Examples
    --------
    A disc that flickers beside a text that does not:

    >>> first = cv2.circle(np.zeros((120, 160), np.uint8), (90, 60), 40, 90, -1)
    >>> cv2.putText(first, "TEXT", (2, 115), cv2.FONT_HERSHEY_PLAIN, 1, 255).sum() > 0
    np.True_
    >>> mask = sector_mask(first, first, np.where(first == 90, 60, first).astype(np.uint8))
    >>> int(mask[60, 90]), int(mask[110, 20])
    (255, 0)
    """
    _, ones = cv2.threshold(lit, 0, 1, cv2.THRESH_BINARY)
    solid = cv2.erode(ones, NEIGHBOURS)
    moving = cv2.dilate(cv2.bitwise_and(solid, changed_pixels(first, last)), NEIGHBOURS)
    filled = _without_outside(moving)
    contours, _ = cv2.findContours(filled, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    hulls = [cv2.convexHull(contour) for contour in contours]
    return _without_outside(cv2.drawContours(filled, hulls, -1, 255, LINE))


def changed_pixels(first: Picture, last: Picture) -> Picture:
    """255 where the grey of the first frame is not that of the last, outside of the corner; else 0."""
    changed = cv2.compare(first, last, cv2.CMP_NE)
    changed[:CORNER, :CORNER] = 0
    return changed


def _without_outside(picture: Picture) -> Picture:
    """255 but for the area of one value around the top left pixel; `picture` is overwritten."""
    cv2.floodFill(picture, None, (0, 0), _OUTSIDE)
    inside: Picture = (picture != _OUTSIDE).view(np.uint8) * np.uint8(255)
    return inside
