"""A loop as a stream: frames come one after the other, and only what the clip needs of them is kept.

Source: README, "The method", steps 1.3 to 1.5. Memory does not grow with the number of frames.

The mask asks what is lit only near pixels that change between the first frame and the last. So whoever can
decode frames in any order gives the last one second (`decoding_order`), and of all later frames only the
pixels there that have not been lit yet are looked at: a few in a hundred, and the same mask comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.clip import (
    FRAMES,
    SIDE,
    STRIDE,
    Clip,
    Mode,
    crop_box,
    is_used,
    scale,
    used_frames,
)
from echoprime.reading.colour import Colour, Picture
from echoprime.reading.formats import Format
from echoprime.reading.sector import NEIGHBOURS, changed_pixels, sector_mask

_FEW = 1 / 8
"""Part of a picture up to which looking at its pixels one by one takes less time than at all of them."""


def decoding_order(count: int, mode: Mode) -> list[int]:
    """Frames of a loop that a clip needs, in the order in which it needs them.

    Parameters
    ----------
    count
        Frames of the whole loop, at least 2.
    mode
        `fast` leaves out the frames that only the mask would look at.

    Examples
    --------
    >>> decoding_order(6, "exact"), decoding_order(40, "fast")[:4]
    ([0, 5, 1, 2, 3, 4], [0, 39, 2, 4])
    """
    last = count - 1
    return [0, last, *(each for each in range(1, last) if mode == "exact" or is_used(each))]


class Frame(NamedTuple):
    """One decoded frame; its pixels are overwritten by the next."""

    pixels: npt.NDArray[Any]
    """(rows, columns) or (rows, columns, 3), as `colour` reads it."""
    colour: Colour
    number: int
    """Its position in the loop, from 0."""
    last: bool
    """Whether it ends the loop."""


def another_size(index: int) -> UnreadableVideo:
    """What is wrong with a loop whose frame `index` has not the size of the first."""
    return UnreadableVideo(Reason.NOT_DECODABLE, f"frame {index} has another size than the first")


class Loop:
    """Takes a loop's frames, the first one first, and makes its clip.

    Parameters
    ----------
    mask
        Finds the sector from lit, first and last, see `sector_mask`.
    """

    def __init__(self, mask: Callable[[Picture, Picture, Picture], Picture] = sector_mask) -> None:
        self._mask = mask
        self.frames = 0
        """Frames taken so far."""
        self._count = 0
        self._size = (0, 0)
        self._lit = self._first = self._last = np.zeros((0, 0), np.uint8)
        self._crops = np.zeros((0, 0, 0, 3), np.uint8)
        self._unlit: npt.NDArray[np.intp] | None = None
        """Positions in the flattened picture that still have to be looked at, once both ends are known."""

    def add(self, frame: Frame) -> None:
        """Take the next frame.

        Raises
        ------
        UnreadableVideo
            NOT_DECODABLE: its size is not that of the first frame.
        """
        size = rows, columns = frame.pixels.shape[:2]
        box = crop_box(rows, columns)
        if frame.number == 0:
            self._size = size
            self._lit = np.zeros(size, np.uint8)
            self._crops = np.empty((FRAMES, *self._lit[box].shape, 3), np.uint8)
        elif self._size != size:
            raise another_size(frame.number)
        if is_used(frame.number):
            frame.colour.bgr(frame.pixels[box], self._crops[frame.number // STRIDE])
        self._look(frame)
        self.frames += 1

    def _look(self, frame: Frame) -> None:
        """Take from a frame what the mask needs."""
        if frame.number == 0 or frame.last:
            light = frame.colour.grey(frame.pixels)
            self._first = light if frame.number == 0 else self._first
            if frame.last:
                self._last, self._count = light, frame.number + 1
            self._or(light)
            if self._count:
                self._look_for_unlit()
        elif self._unlit is None:
            self._or(frame.colour.lit(frame.pixels))
        elif len(self._unlit) > _FEW * self._lit.size:
            self._or(frame.colour.lit(frame.pixels))
            self._look_for_unlit()
        elif len(self._unlit):
            flat = frame.pixels.reshape(self._lit.size, *frame.pixels.shape[2:])
            # "clip" only spares a check: no position lies outside.
            light = frame.colour.lit(np.take(flat, self._unlit, axis=0, mode="clip")[None])[0]
            if light.any():
                self._lit.reshape(-1)[self._unlit[light > 0]] = 1
                self._unlit = self._unlit[light == 0]

    def _or(self, light: Picture) -> None:
        # The maximum of greys is above 0 where any of them is: their OR. The maximum of each colour on its
        # own is not: red of one frame and blue of another would be lit together where neither is.
        cv2.max(self._lit, light, dst=self._lit)

    def _look_for_unlit(self) -> None:
        asked = cv2.dilate(changed_pixels(self._first, self._last), NEIGHBOURS)
        _, unlit = cv2.threshold(self._lit, 0, 255, cv2.THRESH_BINARY_INV)
        self._unlit = np.flatnonzero(cv2.bitwise_and(asked, unlit))

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
                Reason.STATIC, f"nothing moves between the first and the last of {self._count} frames"
            )
        mask = mask[crop_box(*self._size)]
        mask = cv2.merge([mask, mask, mask])
        frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
        used = len(used_frames(self._count))
        for crop, out in zip(self._crops[:used], frames, strict=False):
            scale(cv2.bitwise_and(crop, mask, dst=crop), out)
        return Clip(frames, used=used, frames_in_file=self._count, format=Format.DICOM.value)
