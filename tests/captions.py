"""Loops with names burned into them, as scanners, viewers and phones leave them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.pixels import pixel_array

from echoprime.demonstration import loop_to_dicom
from echoprime.reading import Clip, crop_box, read_clip

Frames = NDArray[Any]
WHITE, YELLOW, GREEN, GREY, BLACK = (255, 255, 255), (255, 225, 0), (40, 230, 60), (150, 150, 150), (0, 0, 0)
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_PLAIN,
)  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """Words over a loop.

    Attributes
    ----------
    name
        The words.
    place
        Middle of the words as parts of what a clip keeps of the frame: across, down.
    height
        Of a capital letter, as a part of the clip's side.
    opacity
        0..1.
    first, last
        Frames of the loop between which it is there, the last one excluded.
    """

    name: str = "SMITHSON"
    place: tuple[float, float] = (0.5, 0.5)
    height: float = 0.06
    colour: tuple[int, int, int] = WHITE
    opacity: float = 1.0
    font: int = cv2.FONT_HERSHEY_SIMPLEX
    first: int = 0
    last: int = 1_000


@cache
def real_loop() -> Frames:
    """The one real loop that pydicom brings: uint8 (30, 240, 320, 3), R-G-B; 15 frames of its clip move."""
    path = get_testdata_file("examples_ybr_color.dcm", download=False)
    frames = np.ascontiguousarray(pixel_array(pydicom.dcmread(str(path))))
    frames.flags.writeable = False
    return frames


def with_captions(frames: Frames, *captions: Caption) -> Frames:
    """The loop with words over it."""
    written = frames.copy()
    for caption in captions:
        strength = letters(caption, *frames.shape[1:3]) * caption.opacity
        for frame in written[caption.first : caption.last]:
            frame[:] = frame * (1 - strength) + np.array(caption.colour) * strength
    return written


def letters(caption: Caption, rows: int, columns: int) -> Frames:
    """Where the words are: float64 (rows, columns, 1), 0..1."""
    down, across = crop_box(rows, columns)
    side = down.stop - down.start
    height = max(5, round(caption.height * side))
    thick = max(1, height // 7)
    size = cv2.getFontScaleFromHeight(caption.font, height, thick)
    (width, tall), _ = cv2.getTextSize(caption.name, caption.font, size, thick)
    left = across.start + round(caption.place[0] * (across.stop - across.start) - width / 2)
    base = down.start + round(caption.place[1] * side + tall / 2)
    layer = np.zeros((rows, columns), np.uint8)
    cv2.putText(layer, caption.name, (left, base), caption.font, size, 255, thick, cv2.LINE_AA)
    return layer[..., None] / 255


def as_dicom(frames: Frames) -> bytes:
    """JPEG baseline, as scanners store."""
    return loop_to_dicom(frames)


def as_mp4(frames: Frames, quality: int = 4) -> bytes:
    """MPEG-4 at a quantiser of 1 (best) to 31."""
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=30, options={"qmin": str(quality), "qmax": str(quality)})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return content.getvalue()


def clip_of(frames: Frames, form: str) -> Clip:
    """Written as `dicom` or `mp4` and read back."""
    return read_clip(as_dicom(frames) if form == "dicom" else as_mp4(frames))


CASES: tuple[tuple[str, tuple[Caption, ...]], ...] = (
    ("dicom", (Caption(height=0.05),)),
    ("dicom", (Caption("GARCIA", (0.5, 0.35), 0.09, YELLOW, font=FONTS[1]),)),
    ("dicom", (Caption("SMITHSON", (0.5, 0.72), 0.07, GREY, font=FONTS[2]),)),
    ("dicom", (Caption("GARCIA", (0.5, 0.55), 0.16, WHITE, 0.6, FONTS[1]),)),
    ("dicom", (Caption("SMITHSON", (0.5, 0.3), 0.06, GREEN, first=14),)),
    ("dicom", (Caption("SMITHSON", (0.28, 0.06), 0.05), Caption("19500317", (0.8, 0.95), 0.05))),
    ("mp4", (Caption(height=0.06),)),
    ("mp4", (Caption("GARCIA", (0.45, 0.4), 0.1, GREY, font=FONTS[1]),)),
    ("mp4", (Caption("SMITHSON", (0.5, 0.8), 0.08, WHITE, 0.7, FONTS[2]),)),
    ("mp4", (Caption("SMITHSON", (0.3, 0.05), 0.06), Caption("GARCIA", (0.8, 0.08), 0.06))),
    ("mp4", (Caption("WEBER", (0.5, 0.5), 0.2, WHITE, font=FONTS[1]),)),
    ("mp4", (Caption("SMITHSON", (0.5, 0.6), 0.05, YELLOW, font=FONTS[3]),)),
)
"""Form and captions: in margins, over the picture, thin, thick, faint, strong, from the start or later."""
