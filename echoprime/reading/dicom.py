"""DICOM objects to clips: a loop's frames are decoded one after the other and streamed into its clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from echoprime.errors import Reason, UnreadableVideo
from echoprime.reading.clip import Clip
from echoprime.reading.compressed import compressed_frames
from echoprime.reading.encapsulated_video import VIDEO, encapsulated_video_frames
from echoprime.reading.facts import facts_of_header
from echoprime.reading.header import NATIVE, Header, read_header
from echoprime.reading.limits import Limits
from echoprime.reading.loop import Frame, Loop
from echoprime.reading.native import native_frames


def read_dicom(data: bytes, limits: Limits) -> Clip:
    """Read one DICOM object.

    Parameters
    ----------
    data
        The whole file, with or without preamble.
    limits
        Checked before memory is taken.

    Raises
    ------
    SkippedVideo
        STILL, STATIC.
    UnreadableVideo
        NO_PIXELS, UNSUPPORTED, NOT_DECODABLE, TOO_LARGE.
    """
    header = read_header(data, limits)
    loop = Loop()
    for frame in _frames(header, limits):
        loop.add(frame)
    return replace(loop.clip(), facts=facts_of_header(header))


def _frames(header: Header, limits: Limits) -> Iterator[Frame]:
    if header.length is not None and header.transfer_syntax in NATIVE:
        return native_frames(header, limits)
    if header.transfer_syntax in VIDEO:
        return encapsulated_video_frames(header, limits)
    if header.length is None:
        return compressed_frames(header, limits)  # the frames tell their codec, whatever the syntax is called
    raise UnreadableVideo(Reason.UNSUPPORTED, "the transfer syntax is not read")
