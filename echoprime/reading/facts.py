"""What a file says of its own video, and of nobody: size, frame time, the scanner's make, the encoding."""

from __future__ import annotations

import hashlib
import math
import statistics
from dataclasses import dataclass

from pydicom.tag import Tag

from echoprime.reading.header import Header
from echoprime.reading.kinds import kind_of
from echoprime.reading.regions import regions_of

HASH_BYTES = 16
"""Of the hashes of instances and contents."""
LONGEST_NAME = 64
"""Characters of a manufacturer's or model's name: what DICOM's LO holds."""


@dataclass(frozen=True)
class VideoFacts:
    """Facts of one video, for an archive's composition.

    Attributes
    ----------
    frames
        Frames that the file says it has; None = it does not say.
    frames_decoded
        Frames that were decoded: fewer where the file is damaged or skipped, or no more were needed.
    rows, columns
        Size of its frames in pixels; None = unknown.
    frame_time
        Milliseconds from frame to frame; None = unknown.
    manufacturer, model
        Of the scanner; "" = unknown.
    transfer_syntax
        DICOM's unique identifier of the encoding; "" where the file is no DICOM object.
    regions
        What the picture is made of, of `echoprime.tables.REGIONS` and in their order; () = unknown.
    kind
        What kind of examination the file says it is of, one of `echoprime.tables.STUDY_KINDS`; None = it
        does not say.
    instance
        Hash of the SOP Instance UID, which names an object wherever it lies; None = unknown.
    content
        Hash of the clip, see `content_of`; None where there is none.
    """

    frames: int | None = None
    frames_decoded: int | None = None
    rows: int | None = None
    columns: int | None = None
    frame_time: float | None = None
    manufacturer: str = ""
    model: str = ""
    transfer_syntax: str = ""
    regions: tuple[str, ...] = ()
    kind: str | None = None
    instance: str | None = None
    content: str | None = None


NO_FACTS = VideoFacts()
"""Of a video that says nothing of itself."""


def facts_of_header(header: Header) -> VideoFacts:
    """Facts of a DICOM object (PS3.3, C.7.6.5 Cine, C.7.5.1 General Equipment, C.8.5.5 US Regions).

    A value that cannot be read is unknown: it is no reason to lose the video.
    """
    return VideoFacts(
        frames=_count(header, "NumberOfFrames"),
        rows=_count(header, "Rows"),
        columns=_count(header, "Columns"),
        frame_time=_frame_time(header),
        manufacturer=_name(header, "Manufacturer"),
        model=_name(header, "ManufacturerModelName"),
        transfer_syntax=_printable(header.transfer_syntax),
        regions=regions_of(header).names,
        kind=kind_of(header),
        instance=_instance(header),
    )


def _frame_time(header: Header) -> float | None:
    """Milliseconds: what FrameIncrementPointer points to, else the other one, else by a rate."""
    constant, varying = _positive(header, "FrameTime"), _median_time(header)
    varies = header.value("FrameIncrementPointer") == Tag("FrameTimeVector")
    rate = _positive(header, "CineRate") or _positive(header, "RecommendedDisplayFrameRate")
    time = (varying or constant) if varies else (constant or varying)
    return time or (1000.0 / rate if rate else None)


def _median_time(header: Header) -> float | None:
    """Median of FrameTimeVector, whose first value is 0: nothing comes before the first frame."""
    try:
        times = [float(text) for text in header.texts("FrameTimeVector")]
    except ValueError:
        return None
    times = [time for time in times if 0.0 < time < math.inf]
    return statistics.median(times) if times else None


def count_or_unknown(told: float | None) -> int | None:
    """A number of frames or pixels that a file tells; None where no table could hold it.

    Examples
    --------
    >>> count_or_unknown(30), count_or_unknown(0), count_or_unknown(2**31)
    (30, None, None)
    """
    return int(told) if told is not None and 1 <= told < 1 << 31 else None


def _count(header: Header, name: str) -> int | None:
    return count_or_unknown(_positive(header, name))


def _instance(header: Header) -> str | None:
    uid = " ".join(header.texts("SOPInstanceUID"))
    return (
        hashlib.blake2b(uid.encode("utf-8", "replace"), digest_size=HASH_BYTES).hexdigest() if uid else None
    )


def _positive(header: Header, name: str) -> float | None:
    try:
        value = float(header.value(name) or 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if 0.0 < value < math.inf else None


def _name(header: Header, name: str) -> str:
    return _printable(" ".join(header.texts(name)))


def _printable(value: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in value).split())[:LONGEST_NAME]
