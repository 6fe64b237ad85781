"""A loop as a stream: frames come one after the other, and only what the clip needs of them is kept.

Source: README, "The method", steps 1.3 to 1.5. Memory does not grow with the number of frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.clip import FRAMES, FRAMES_TAKEN, SIDE, STRIDE, Clip, crop_box, scale
from echoprime.reading.colour import Colour, Picture, grey
from echoprime.reading.formats import Format
from echoprime.reading.sector import sector_mask


class Frame(NamedTuple):
    """One decoded frame; its pixels are overwritten by the next."""

    pixels: npt.NDArray[Any]
    """(rows, columns) or (rows, columns, 3), as `colour` reads it."""
    colour: Colour
    last: bool
    """Whether it ends the loop."""


class Loop:
    """Takes a loop's frames in order and makes its clip.

    Parameters
    ----------
    mask
        Finds the sector from lit, first and last, see `sector_mask`.
    """

    def __init__(self, mask: Callable[[Picture, Picture, Picture], Picture] = sector_mask) -> None:
        self._mask = mask
        self.frames = 0
        """Frames taken so far."""
        self._crops: list[Picture] = []
        self._size = (0, 0)
        self._lit = self._first = self._last = np.zeros((0, 0), np.uint8)

    def add(self, frame: Frame) -> None:
        """Take the next frame.

        Raises
        ------
        UnreadableVideo
            NOT_DECODABLE: its size is not that of the first frame.
        """
        rows, columns = frame.pixels.shape[:2]
        index = self.frames
        if index == 0:
            self._size = rows, columns
            self._lit = np.zeros((rows, columns), np.uint8)
        elif self._size != (rows, columns):
            raise UnreadableVideo(Reason.NOT_DECODABLE, f"frame {index} has another size than the first")
        used = index < FRAMES_TAKEN and index % STRIDE == 0
        if used or index == 0 or frame.last:
            bgr = frame.colour.bgr(frame.pixels)
            light = grey(bgr)
            if used:
                self._crops.append(bgr[crop_box(rows, columns)].copy())
            if index == 0:
                self._first = light
            if frame.last:
                self._last = light
        else:
            light = frame.colour.lit(frame.pixels)
        # The maximum of greys is above 0 where any of them is: their OR. The maximum of each colour on its
        # own is not: red of one frame and blue of another would be lit together where neither is.
        cv2.max(self._lit, light, dst=self._lit)
        self.frames += 1

    def clip(self) -> Clip:
        """The clip of the frames taken.

        Raises
        ------
        SkippedVideo
            STATIC: nothing moves between the first and the last frame.
        """
        try:
            mask = self._mask(self._lit, self._first, self._last)
        except cv2.error:
            mask = np.full(self._size, 255, np.uint8)  # as published: the frames go on unmasked
        if not mask.any():
            raise SkippedVideo(
                Reason.STATIC, f"nothing moves between the first and the last of {self.frames} frames"
            )
        mask = mask[crop_box(*self._size)]
        mask = cv2.merge([mask, mask, mask])
        frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
        for crop, out in zip(self._crops, frames, strict=False):
            scale(cv2.bitwise_and(crop, mask, dst=crop), out)
        return Clip(frames, used=len(self._crops), frames_in_file=self.frames, format=Format.DICOM.value)
