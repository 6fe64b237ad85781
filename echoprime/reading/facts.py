"""What a file says of its own video, and of nobody: size, frame time, the scanner's make, the encoding."""

from __future__ import annotations

import math
from dataclasses import dataclass

from echoprime.reading.header import Header

LONGEST_NAME = 64
"""Characters of a manufacturer's or model's name: what DICOM's LO holds."""


@dataclass(frozen=True)
class VideoFacts:
    """Facts of one video, for an archive's composition.

    Attributes
    ----------
    rows, columns
        Size of its frames in pixels; None = unknown.
    frame_time
        Milliseconds from frame to frame; None = unknown.
    manufacturer, model
        Of the scanner; "" = unknown.
    transfer_syntax
        DICOM's unique identifier of the encoding; "" where the file is no DICOM object.
    """

    rows: int | None = None
    columns: int | None = None
    frame_time: float | None = None
    manufacturer: str = ""
    model: str = ""
    transfer_syntax: str = ""


NO_FACTS = VideoFacts()
"""Of a video that says nothing of itself."""


def facts_of_header(header: Header) -> VideoFacts:
    """Facts of a DICOM object (PS3.3, C.7.6.5 Cine and C.7.5.1 General Equipment).

    FrameTime counts where it is there, else CineRate or RecommendedDisplayFrameRate. A value that cannot be
    read is unknown: it is no reason to lose the video.
    """
    rate = _positive(header, "CineRate") or _positive(header, "RecommendedDisplayFrameRate")
    return VideoFacts(
        rows=header.number("Rows"),
        columns=header.number("Columns"),
        frame_time=_positive(header, "FrameTime") or (1000.0 / rate if rate else None),
        manufacturer=_name(header, "Manufacturer"),
        model=_name(header, "ManufacturerModelName"),
        transfer_syntax=header.transfer_syntax,
    )


def _positive(header: Header, name: str) -> float | None:
    try:
        value = float(header.elements.get(name) or 0.0)
    except Exception:  # damage shows in pydicom by any error
        return None
    return value if 0.0 < value < math.inf else None


def _name(header: Header, name: str) -> str:
    try:
        value = str(header.elements.get(name) or "")
    except Exception:  # as above
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in value).split())[:LONGEST_NAME]
