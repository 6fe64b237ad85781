"""Clips for people's eyes: what lies outside the sector is black, and what stands still in it is filled in.

Names are burned into pixels: in margins, which the networks' mask mostly removes, and over the picture,
which it does not. Every page and picture takes its frames from here and from nowhere else, whatever the
clip's format and whether it was masked before. A caption, of any colour, size or transparency, is detail that
stays in place while tissue moves; what is under it is not used: the place is filled from around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from echoprime.reading import SIDE, Clip

Picture = NDArray[Any]

MOVES = 14
"""Grey levels that a pixel must go through to move: above what compression alone does."""
LIT = 16
"""Grey level below which a pixel is taken for black."""
THIN = 5
"""Pixels: what is thinner and moves is a trace (ECG, respiration), not the sector."""
LEAST_SECTOR, MOST_SECTOR = 0.08, 0.97
"""Share of the picture that a sector takes. More: no border is seen, and a filmed screen looks like that."""
MOST_FILLED = 0.6
"""Share of the sector that may be filled in; beyond it too little moves to tell tissue from captions."""

STROKES = (9, 15)
"""Pixels: medians that a stroke stands out of, thin and thick."""
FAINT, STEADY = 9.0, 2.0
"""A stroke stands out by so many grey levels, and by so many times what it varies by."""
LETTERS = 61
"""Pixels: the median that the inside of large letters stands out of ..."""
STRONG, FIXED = 40.0, 6.0
"""... by so many grey levels, and so many times what it varies by."""
JOINED = 15
"""Pixels between strokes that are joined, so that no letter keeps its shape."""
BORDER = 7
"""Pixels around them that are filled too: half a codec's block, in which a stroke leaves an echo."""
FILL = 8.0
"""Pixels: deviation of the blur that fills a place from around it."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What may be shown of one clip.

    Attributes
    ----------
    frames
        uint8 (frames, 224, 224, 3), R-G-B; no frame where nothing may be shown.
    why_not
        Why there is none, in a few words; "" where there are frames.
    """

    frames: NDArray[np.uint8]
    why_not: str = ""

    @property
    def middle(self) -> NDArray[np.uint8]:
        """The frame in the middle, uint8 (224, 224, 3); there must be one."""
        found: NDArray[np.uint8] = self.frames[len(self.frames) // 2]
        return found


def not_shown(why: str) -> Shown:
    """No frame, and the words that stand in its place."""
    return Shown(np.zeros((0, SIDE, SIDE, 3), np.uint8), why)


def shown(clip: Clip, *, deidentified: bool = False) -> Shown:
    """Make a clip fit to be looked at.

    Parameters
    ----------
    clip
        As it was read, masked or not.
    deidentified
        The user vouches that no picture of the archive holds a name: detail that stays in place is kept.
        What lies outside the sector is black all the same: the networks' sector for DICOM, the moving one
        for other videos, which the networks see whole.

    Returns
    -------
    Shown
        No frame where there is doubt: one frame alone, no moving sector with a border, or too little that
        moves.

    Examples
    --------
    >>> still = Clip(np.full((16, 224, 224, 3), 90, np.uint8), used=16, frames_in_file=32, format="mp4")
    >>> shown(still).why_not
    'no moving sector with a border was found'
    """
    if clip.used < 2:
        return not_shown("one frame does not tell tissue from captions")
    frames = clip.frames[: clip.used]
    frames = np.ascontiguousarray(frames[..., ::-1] if clip.format == "dicom" else frames)
    if deidentified and clip.format == "dicom":
        return Shown(frames)  # the networks' mask was over it when it was read
    sector = moving_sector(frames)
    if not LEAST_SECTOR <= sector.mean() <= MOST_SECTOR:
        return not_shown("no moving sector with a border was found")
    inside = frames * sector[..., None]
    if deidentified:
        return Shown(inside)
    captions = staying_detail(frames, sector)
    if np.count_nonzero(captions & sector) > MOST_FILLED * np.count_nonzero(sector):
        return not_shown("too little of it moves to tell tissue from captions")
    return Shown(_filled(inside, captions, sector))


def moving_sector(frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the ultrasound is: convex hull of the largest part that is lit and moves.

    Parameters
    ----------
    frames
        uint8 (frames, rows, columns, 3).

    Returns
    -------
    bool (rows, columns); nowhere true where nothing moves.
    """
    moving = (np.ptp(frames, axis=0) > MOVES).any(axis=-1) & (frames.max(axis=(0, 3)) > LIT)
    solid = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_OPEN, _box(THIN))
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, _box(JOINED))
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(solid)
    hull = np.zeros(solid.shape, np.uint8)
    if count > 1:
        largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
        points = cv2.findNonZero((labels == largest).astype(np.uint8))
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull.astype(np.bool_)


def staying_detail(frames: NDArray[np.uint8], sector: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where captions may lie: detail that stays in place for at least half of the loop, joined to blocks.

    Parameters
    ----------
    frames
        uint8 (frames, rows, columns, 3).
    sector
        bool (rows, columns): where to look.

    Returns
    -------
    bool (rows, columns), a border around the blocks included.
    """
    found = np.zeros(sector.shape, np.bool_)
    for half in _halves(frames):  # a caption may come and go within the loop
        mean, varies = half.mean(axis=0).astype(np.uint8), half.std(axis=0)
        for side in STROKES:
            found |= _stands_out(mean, varies, side, FAINT, STEADY)
        found |= _stands_out(mean, varies, LETTERS, STRONG, FIXED)
    blocks = cv2.morphologyEx((found & sector).astype(np.uint8), cv2.MORPH_CLOSE, _box(JOINED))
    return cv2.dilate(blocks, _box(BORDER)).astype(np.bool_)


def _halves(frames: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Every run of half the loop's frames: one of them lies wholly in what is there for so long."""
    length = max(2, len(frames) // 2)
    for first in range(len(frames) - length + 1):
        yield frames[first : first + length]


def _stands_out(
    mean: Picture, varies: NDArray[np.floating], side: int, levels: float, times: float
) -> NDArray[np.bool_]:
    """Where the mean differs from its median by more than `levels`, and `times` what it varies by."""
    detail = cv2.absdiff(mean, cv2.medianBlur(mean, side)).astype(np.float64)
    found: NDArray[np.bool_] = np.any((detail > levels) & (detail > times * varies), axis=-1)
    return found


def _filled(
    frames: NDArray[np.uint8], holes: NDArray[np.bool_], sector: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Each frame with the holes filled by what is around them, nearer pixels more; far inside it is black."""
    used = (sector & ~holes).astype(np.float32)
    weight = cv2.GaussianBlur(used, (0, 0), FILL)[..., None] + 1e-3
    filled = np.empty_like(frames)
    for frame, out in zip(frames, filled, strict=True):
        around = cv2.GaussianBlur(frame * used[..., None], (0, 0), FILL) / weight
        out[:] = np.where(holes[..., None], around, frame)
    filled *= sector[..., None]
    return filled


def _box(side: int) -> Picture:
    return np.ones((side, side), np.uint8)
