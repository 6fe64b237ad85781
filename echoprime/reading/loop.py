"""A loop as a stream: frames come one after the other, and only what its clips need of them is kept.

Source: README, "The method", steps 1.3 to 1.5. Memory does not grow with the number of frames.

The mask asks what is lit only near pixels that change between the first frame and the last. So whoever can
decode frames in any order gives the last one second (`decoding_order`), and of all later frames only the
pixels there that have not been lit yet are looked at: a few in a hundred, and the same mask comes out.

A loop has one mask, the same whatever number of clips is made of it: so the first clip is the same, too.
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
    FRAMES_TAKEN,
    SIDE,
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
from echoprime.reading.starts import clip_starts, frames_of_clips


def decoding_order(count: int, mode: Mode, clips: int = 1) -> list[int]:
    """Frames of a loop that its clips need, in the order in which they need them.

    Parameters
    ----------
    count
        Frames of the whole loop, at least 2.
    mode
        `fast` leaves out the frames that only the mask would look at.
    clips
        Clips that are asked for.

    Examples
    --------
    >>> decoding_order(6, "exact"), decoding_order(40, "fast")[:4], decoding_order(40, "fast", 2)[-3:]
    ([0, 5, 1, 2, 3, 4], [0, 39, 2, 4], [34, 36, 38])
    """
    last, needed = count - 1, frames_of_clips(count, clips)
    return [0, last, *(each for each in range(1, last) if mode == "exact" or each in needed)]


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
    """Takes a loop's frames, the first one first, and makes its clips.

    Parameters
    ----------
    mask
        Finds the sector from lit, first and last, see `sector_mask`.
    mode
        `fast`: the mask is found from the frames of the first clip, and the last frame.
    clips
        Clips that are asked for.
    """

    def __init__(
        self,
        mask: Callable[[Picture, Picture, Picture], Picture] = sector_mask,
        *,
        mode: Mode = "exact",
        clips: int = 1,
    ) -> None:
        self._mask = mask
        self._mode = mode
        self._clips = clips
        self._needed = frames_of_clips(FRAMES_TAKEN, clips)
        self.frames = 0
        """Frames taken so far."""
        self._count = 0
        self._size = (0, 0)
        self._box = (slice(0), slice(0))
        self._lit = self._first = self._last = np.zeros((0, 0), np.uint8)
        self._crops: dict[int, Picture] = {}
        self._unlit: npt.NDArray[np.intp] | None = None
        """Positions in the flattened picture that still have to be looked at, once both ends are known."""

    def expect(self, count: int | None) -> None:
        """Say how many frames the loop will have; None = that is not known.

        Where the last frame comes last and makes it another number, later clips' frames may be missing, see
        `complete`; the first clip's are kept whatever is said.
        """
        self._needed = frames_of_clips(max(count or 0, FRAMES_TAKEN), self._clips)

    def add(self, frame: Frame) -> None:
        """Take the next frame.

        Raises
        ------
        UnreadableVideo
            NOT_DECODABLE: its size is not that of the first frame.
        """
        size = frame.pixels.shape[:2]
        if frame.number == 0:
            self._size = size
            self._box = crop_box(*size)
            self._lit = np.zeros(size, np.uint8)
        elif self._size != size:
            raise another_size(frame.number)
        if frame.last:
            self._needed = frames_of_clips(frame.number + 1, self._clips)
        if frame.number in self._needed:
            picture = frame.colour.grey if frame.colour.neutral else frame.colour.bgr
            self._crops[frame.number] = picture(frame.pixels[self._box])
        if self._mode == "exact" or frame.last or is_used(frame.number):
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
        elif len(self._unlit) > frame.colour.few * self._lit.size:
            self._or(frame.colour.lit(frame.pixels))
            if frame.colour.few and frame.number.bit_count() == 1:  # looking for them takes time, too
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
        _, unlit = cv2.threshold(self._lit, 0, 1, cv2.THRESH_BINARY_INV)
        self._unlit = np.flatnonzero(cv2.bitwise_and(asked, unlit).view(np.bool_))

    @property
    def complete(self) -> bool:
        """Whether every frame that the clips use was kept, once the last one was taken."""
        return self._needed <= self._crops.keys()

    def clips(self) -> tuple[Clip, ...]:
        """The clips of the frames taken, in the order of their starts: the published one first.

        Raises
        ------
        SkippedVideo
            STATIC: nothing moves between the first and the last frame.
        """
        try:
            mask = self._mask(self._lit, self._first, self._last)
        except cv2.error as error:
            if error.code == cv2.Error.StsNoMem:
                raise MemoryError from None
            mask = np.full(self._size, 255, np.uint8)  # as published: the frames go on unmasked
        if not mask.any():
            raise SkippedVideo(
                Reason.STATIC, f"nothing moves between the first and the last of {self._count} frames"
            )
        starts = clip_starts(self._count, self._clips)
        return tuple(self._clip(used_frames(self._count, start), mask[self._box]) for start in starts)

    def _clip(self, used: range, mask: Picture) -> Clip:
        frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
        _scale_masked([self._crops[number] for number in used], mask, frames)
        return Clip(frames, len(used), self._count, Format.DICOM.value, used.start)


def _scale_masked(crops: list[Picture], mask: Picture, frames: Picture) -> None:
    """Mask and scale a clip's pictures: uint8 (rows, columns, 3), or (rows, columns) of greys.

    A picture of colours is masked in place; one that several clips have is masked again, to the same.
    """
    three = cv2.merge([mask, mask, mask])
    if any(crop.ndim == 3 for crop in crops):
        for crop, frame in zip(crops, frames, strict=False):
            colours = crop if crop.ndim == 3 else cv2.merge([crop, crop, crop])
            scale(cv2.bitwise_and(colours, three, dst=colours), frame)
        return
    # Greys are scaled as the channels of one picture, three at a time: each as if it were all three of them.
    scaled = np.empty((SIDE, SIDE, 3), np.uint8)
    for start in range(0, len(crops), 3):
        together = cv2.merge([*crops[start : start + 3], mask, mask][:3])
        scale(cv2.bitwise_and(together, three, dst=together), scaled)
        for grey, frame in zip(cv2.split(scaled), frames[start : len(crops)], strict=False):
            cv2.merge([grey, grey, grey], dst=frame)
