"""Clips that play in a page: VP9 in WebM, which Chromium, Firefox and Safari (since 14.1) play."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echoprime.reading import STRIDE

USUAL_FRAME_TIME = 1000 / 30
"""Milliseconds from frame to frame where a file does not say."""
QUALITY = 34
"""VP9's constant quality, 0..63, smaller is better: speckle stays, a clip takes about 40 KB."""


def as_webm(frames: NDArray[np.uint8], frame_time: float | None = None) -> bytes:
    """A clip as a WebM file.

    Parameters
    ----------
    frames
        uint8 (frames, rows, columns, 3), R-G-B, from `echoprime.pages.display.shown`; at least one.
    frame_time
        Milliseconds between frames of the video that the clip was made of, every second frame of which it
        has; None = not known.

    Returns
    -------
    The same bytes for the same frames.

    Examples
    --------
    >>> as_webm(np.zeros((2, 64, 64, 3), np.uint8))[:4].hex()
    '1a45dfa3'
    """
    milliseconds = max(1, round(STRIDE * (frame_time or USUAL_FRAME_TIME)))
    content = BytesIO()
    # bitexact: without it the muxer writes a random number into the file
    with av.open(content, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libvpx-vp9", rate=Fraction(1000, milliseconds))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(milliseconds, 1000)
        stream.options = {
            "crf": str(QUALITY), "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "0",
        }  # fmt: skip
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            frame.time_base = stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return content.getvalue()


def as_webp(frame: NDArray[np.uint8]) -> bytes:
    """One frame, uint8 (rows, columns, 3) R-G-B, as a WebP picture: what stands until a clip plays."""
    content = BytesIO()
    Image.fromarray(frame).save(content, "WEBP", quality=80, method=4)
    return content.getvalue()
