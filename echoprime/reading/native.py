"""Pixel data that are not compressed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.clip import Mode
from echoprime.reading.header import Header
from echoprime.reading.limits import Limits
from echoprime.reading.loop import Frame, decoding_order
from echoprime.reading.uncompressed import Layout


def native_frames(header: Header, limits: Limits, mode: Mode = "exact", clips: int = 1) -> Iterator[Frame]:
    """Frames of native pixel data in `decoding_order`, as views of the file's bytes where that is possible.

    Raises
    ------
    SkippedVideo
        STILL.
    UnreadableVideo
        NOT_DECODABLE: fewer frames than promised, or pixel data of another size; TOO_LARGE; UNSUPPORTED.
    """
    layout = Layout(header)
    limits.check_picture(layout.rows, layout.columns)
    pixels = header.body[header.start :][: header.length]
    promised = header.frames
    if layout.halved and len(pixels) >= (promised or 1) * layout.frame_bytes * 3 // 2:
        layout = Layout(header, halved=False)  # expanded by a gateway that kept the tag
    size = layout.frame_bytes
    there = len(pixels) // size
    count = there if promised is None else promised
    if there < count or count == 0:
        raise UnreadableVideo(
            Reason.NOT_DECODABLE, f"{promised or 1:,} frames expected, the pixel data hold {there:,}"
        )
    if len(pixels) - count * size >= max(size // layout.rows, 2):  # more than padding
        raise UnreadableVideo(
            Reason.NOT_DECODABLE,
            f"{len(pixels):,} bytes of pixel data, {count:,} frames of this size have {count * size:,}",
        )
    if count == 1:
        raise SkippedVideo(Reason.STILL, "one frame")
    limits.check_frames(count)
    swapped = header.big_endian and header.words and layout.bits.allocated == 8
    order = ">" if header.big_endian else "<"
    for index in decoding_order(count, mode, clips):
        begin, end = index * size, (index + 1) * size
        raw = _swapped(pixels, begin, end) if swapped else pixels[begin:end]
        yield Frame(layout.pixels(raw, order), layout.colour, index, last=index == count - 1)


def _swapped(pixels: memoryview, begin: int, end: int) -> memoryview:
    """A part of 8-bit pixels that are stored as 16-bit words, highest byte first."""
    aligned = begin & ~1
    words = np.frombuffer(pixels[aligned : min(end + 1 & ~1, len(pixels) & ~1)], np.uint16)
    return words.byteswap().view(np.uint8).data[begin - aligned :][: end - begin]
