"""From what a frame stores to the picture that the networks were trained on.

The published system read the three channels of JPEG loops as they are stored, Y-Cb-Cr of DICOM and JFIF (full
range), and gave them to OpenCV's YUV conversion, whose coefficients are others. The networks learned those
colours, so every other encoding is brought to full-range Y-Cb-Cr first and then takes the same way.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[Any]
"""Always uint8; OpenCV's type stubs do not say so much."""

_TIES_UP = 1 / 4096
"""Added to what is rounded: more than float32 sums err by (below 5e-5), less than anything but a tie is away
from one (1e-3). So ties go up everywhere, in a vector of the CPU's and in the remainder behind the last."""

_STRIP = 16_384
"""Pixels calculated at a time: as much float32 as stays near the core."""

# Full-range Y-Cb-Cr from R-G-B, DICOM PS3.3 C.7.6.3.1.2, in the digits of JFIF 1.02.
_YCBCR_FROM_RGB = np.array(
    [
        [0.299, 0.587, 0.114, _TIES_UP],
        [-0.168735892, -0.331264108, 0.5, 128 + _TIES_UP],
        [0.5, -0.418687589, -0.081312411, 128 + _TIES_UP],
    ],
    np.float32,
)


def ycbcr_from_rgb(rgb: Picture) -> Picture:
    """Full-range Y-Cb-Cr of R-G-B.

    Parameters
    ----------
    rgb
        uint8 (rows, columns, 3).

    Returns
    -------
    uint8 (rows, columns, 3), exact: rounded to the nearest, ties up, wherever a pixel lies.

    Examples
    --------
    >>> ycbcr_from_rgb(np.array([[[255, 0, 0], [90, 90, 90]]], np.uint8)).tolist()
    [[[76, 85, 255], [90, 128, 128]]]
    """
    # On uint8 and uint16 OpenCV calculates with fewer digits: 2 % and 0.1 % of the values would be one off.
    ycbcr = np.empty_like(rgb, order="C")
    rows = max(1, _STRIP // max(1, rgb.shape[1]))
    for start in range(0, len(rgb), rows):
        strip = cv2.transform(rgb[start : start + rows].astype(np.float32), _YCBCR_FROM_RGB)
        ycbcr[start : start + rows] = cv2.convertScaleAbs(strip)
    return ycbcr


def grey(bgr: Picture) -> Picture:
    """Grey of a B-G-R picture, uint8 (rows, columns)."""
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


class Colour(Protocol):
    """How frames of one encoding become pictures.

    Every method takes any part of a frame, and each pixel comes out the same whatever lies around it.
    """

    neutral: bool
    """Whether the three channels of every picture are its grey."""
    few: float
    """Part of a frame up to which picking its pixels and asking `lit` of them takes less time than of all."""

    def bgr(self, pixels: npt.NDArray[Any], out: Picture | None = None) -> Picture:
        """Picture as the networks see it, uint8 (rows, columns, 3), in `out` where that has its shape."""

    def grey(self, pixels: npt.NDArray[Any]) -> Picture:
        """Grey of that picture, uint8 (rows, columns)."""

    def lit(self, pixels: npt.NDArray[Any]) -> Picture:
        """Above 0 where that grey is above 0, uint8 (rows, columns)."""


class YCbCr:
    """Frames are uint8 (rows, columns, 3), full-range Y-Cb-Cr."""

    neutral = False
    few = 1 / 8

    def __init__(self) -> None:
        self._bgr: Picture | None = None

    def bgr(self, pixels: npt.NDArray[Any], out: Picture | None = None) -> Picture:
        """OpenCV's YUV conversion of the channels as they are."""
        return cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR, dst=out)

    def grey(self, pixels: npt.NDArray[Any]) -> Picture:
        """Through the picture."""
        self._bgr = self.bgr(pixels, self._bgr)
        return grey(self._bgr)

    def lit(self, pixels: npt.NDArray[Any]) -> Picture:
        """Luma alone would not do: around coloured overlays there are pixels of luma 0 that are lit."""
        return self.grey(pixels)


class Rgb:
    """Frames are uint8 (rows, columns, 3), R-G-B."""

    neutral = False
    few = 1 / 16

    def bgr(self, pixels: npt.NDArray[Any], out: Picture | None = None) -> Picture:
        """Through full-range Y-Cb-Cr."""
        return cv2.cvtColor(ycbcr_from_rgb(pixels), cv2.COLOR_YUV2BGR, dst=out)

    def grey(self, pixels: npt.NDArray[Any]) -> Picture:
        """Through the picture."""
        return grey(self.bgr(pixels))

    def lit(self, pixels: npt.NDArray[Any]) -> Picture:
        """Luma, which is enough here: every R-G-B of luma 0 is so near to neutral that it is unlit."""
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


class Table:
    """Frames are uint8 or uint16 (rows, columns) of codes that a table explains: greyscale and palettes.

    Parameters
    ----------
    rgb
        uint8 (256 or 65536, 3): R-G-B of every code.
    """

    def __init__(self, rgb: Picture) -> None:
        self._bgr_of = Rgb().bgr(rgb[None])
        self._grey_of = grey(self._bgr_of)
        self.neutral = bool((self._bgr_of == self._grey_of[..., None]).all())
        self._plain = len(rgb) == 256 and self.neutral and bool((self._grey_of == np.arange(256)).all())
        self.few = 0.0 if self._plain else 1 / 4

    def bgr(self, pixels: npt.NDArray[Any], out: Picture | None = None) -> Picture:
        """Looked up, the same code in all three channels."""
        if self._plain:
            return cv2.merge([pixels, pixels, pixels], dst=out)
        return cv2.LUT(cv2.merge([pixels, pixels, pixels]), self._bgr_of, dst=out)

    def grey(self, pixels: npt.NDArray[Any]) -> Picture:
        """Looked up; a plain picture that nobody can overwrite, a view of the file, is taken as it is."""
        if not self._plain:
            return cv2.LUT(pixels, self._grey_of)
        return pixels.copy() if pixels.flags.writeable else pixels

    def lit(self, pixels: npt.NDArray[Any]) -> Picture:
        """Looked up."""
        return pixels if self._plain else cv2.LUT(pixels, self._grey_of)
