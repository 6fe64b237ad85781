"""Samples that lie in memory as DICOM orders them: native pixel data, and what run-length decoding gives.

Source: DICOM PS3.3 C.7.6.3.1.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from echoprime.errors import Reason, UnreadableVideo
from echoprime.reading.colour import Colour, Picture, Rgb, Table, YCbCr
from echoprime.reading.header import Header
from echoprime.reading.tables import Bits, grey_table, palette_table

KNOWN = ("MONOCHROME", "PALETTE COLOR", "RGB", "YBR_")
"""Beginnings of the photometric interpretations that are read."""
_HALVED = ("YBR_FULL_422", "YBR_PARTIAL_422")


def code_colour(header: Header, bits: Bits) -> Colour:
    """How frames of one sample a pixel become pictures: a palette, or grey.

    A stream of one component whose header tells of colours is grey: the stream is trusted.

    Raises
    ------
    UnreadableVideo
        UNSUPPORTED: an unknown photometric interpretation; NOT_DECODABLE: no palette.
    """
    if header.photometric and not header.photometric.startswith(KNOWN):
        raise UnreadableVideo(Reason.UNSUPPORTED, "the photometric interpretation is not read")
    if header.photometric == "PALETTE COLOR":
        return Table(palette_table(header, bits))
    return Table(grey_table(header, bits, inverted=header.photometric == "MONOCHROME1"))


def sample_colour(header: Header) -> Colour:
    """How frames of three samples a pixel become pictures, by the header's tag.

    Raises
    ------
    UnreadableVideo
        UNSUPPORTED: not a photometric interpretation of three samples that is read.
    """
    if header.photometric in ("RGB", "YBR_RCT", "YBR_ICT"):  # the decoder has undone the latter two
        return Rgb()
    if header.photometric in ("YBR_FULL", *_HALVED):
        return YCbCr()
    raise UnreadableVideo(
        Reason.UNSUPPORTED, "the photometric interpretation is not read for three samples a pixel"
    )


def to_bytes(samples: npt.NDArray[Any], bits: Bits) -> Picture:
    """Samples of colour pictures in 8 bits: the highest 8 of those stored."""
    if samples.dtype.itemsize == 1:
        return samples.view(np.uint8)
    shifted = samples.astype(np.uint16) >> max(bits.high - 7, 0)
    return (shifted & 0xFF).astype(np.uint8)


class Layout:
    """How the samples of one frame lie one after the other.

    Parameters
    ----------
    header
        Of the object.
    planes
        Whether all of one channel come before the next; None = as the header's planar configuration says.
    halved
        Whether chroma may be stored for two pixels together (Y Y Cb Cr), where the tag says so.
    """

    def __init__(self, header: Header, *, planes: bool | None = None, halved: bool = True) -> None:
        rows, columns = header.number("Rows"), header.number("Columns")
        if rows is None or columns is None:
            raise UnreadableVideo(Reason.NOT_DECODABLE, "the header does not tell rows and columns")
        self.rows, self.columns = rows, columns
        self.samples = header.number("SamplesPerPixel") or 1
        if self.samples not in (1, 3):
            raise UnreadableVideo(Reason.UNSUPPORTED, f"{self.samples} samples a pixel; 1 and 3 are read")
        self.bits = Bits.of(header)
        self.planes = header.number("PlanarConfiguration") == 1 if planes is None else planes
        self.halved = halved and self.samples == 3 and header.photometric in _HALVED
        self.colour = code_colour(header, self.bits) if self.samples == 1 else sample_colour(header)
        self._partial = header.photometric.startswith("YBR_PARTIAL")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        samples = 2 if self.halved else self.samples
        return self.rows * self.columns * samples * self.bits.allocated // 8

    def pixels(self, raw: memoryview, order: str) -> npt.NDArray[Any]:
        """One frame's bytes as an array for `colour`.

        Parameters
        ----------
        raw
            `frame_bytes` bytes.
        order
            "<" or ">", of 16-bit samples.
        """
        samples = np.frombuffer(raw, f"{order}u{self.bits.allocated // 8}")
        if self.samples == 1:
            own_order = samples.dtype.newbyteorder("=")
            return samples.astype(own_order, copy=False).reshape(self.rows, self.columns)
        levels = to_bytes(samples, self.bits)
        picture = self._interleaved(levels)
        return cv2.LUT(picture, _FULL_RANGE) if self._partial else picture

    def _interleaved(self, levels: Picture) -> Picture:
        if self.halved:
            pairs = levels.reshape(self.rows, self.columns // 2, 4)
            luma = pairs[..., :2].reshape(self.rows, self.columns)
            blue, red = (np.repeat(pairs[..., channel], 2, axis=1) for channel in (2, 3))
            return cv2.merge([luma, blue, red])
        if self.planes:
            return cv2.merge(list(levels.reshape(3, self.rows, self.columns)))
        return levels.reshape(self.rows, self.columns, 3)


def _full_range() -> Picture:
    """uint8 (1, 256, 3): from the 16..235 and 16..240 of broadcast video to 0..255."""
    levels = np.arange(256)
    luma, chroma = (levels - 16) * (255 / 219), (levels - 128) * (255 / 224) + 128
    return np.clip(np.rint(np.stack([luma, chroma, chroma], axis=1)), 0, 255).astype(np.uint8)[None]


_FULL_RANGE = _full_range()
