"""Pixel data that are not compressed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.header import Header
from echoprime.reading.limits import Limits
from echoprime.reading.loop import Frame
from echoprime.reading.uncompressed import Layout


def native_frames(header: Header, limits: Limits) -> Iterator[Frame]:
    """Frames of native pixel data, as views of the file's bytes where that is possible.

    Raises
    ------
    SkippedVideo
        STILL.
    UnreadableVideo
        NOT_DECODABLE: fewer frames than promised; TOO_LARGE; UNSUPPORTED.
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
    if count == 1:
        raise SkippedVideo(Reason.STILL, "one frame")
    limits.check_frames(count)
    if header.big_endian and header.words and layout.bits.allocated == 8:
        words = np.frombuffer(pixels[: len(pixels) // 2 * 2], np.uint16)
        pixels = memoryview(words.byteswap().tobytes())
    order = ">" if header.big_endian else "<"
    for index in range(count):
        raw = pixels[index * size : (index + 1) * size]
        yield Frame(layout.pixels(raw, order), layout.colour, last=index == count - 1)
