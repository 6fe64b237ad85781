"""MPEG-2, H.264 and HEVC inside DICOM: one stream for all frames, cut into fragments anywhere."""

from __future__ import annotations

from collections.abc import Iterator

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.clip import Mode, is_used
from echoprime.reading.colour import Rgb
from echoprime.reading.container import decoded, open_video, rgb
from echoprime.reading.fragments import read_fragments
from echoprime.reading.header import Header
from echoprime.reading.limits import Limits
from echoprime.reading.loop import Frame

VIDEO = frozenset(
    {f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109)}
    | {f"1.2.840.10008.1.2.4.{number}.1" for number in range(100, 107)}
)
"""Transfer syntaxes: MPEG-2, H.264 and HEVC, and their fragmentable forms."""


def encapsulated_video_frames(
    header: Header, limits: Limits, mode: Mode = "exact", clips: int = 1
) -> Iterator[Frame]:
    """Frames of a video stream, in order; FFmpeg brings the broadcast range of 16..235 to 0..255.

    All frames are decoded in every mode, since most are differences from others. Where several clips are
    asked for all are handed on, too: which of them are used is known at the end.

    Raises
    ------
    SkippedVideo
        STILL.
    UnreadableVideo
        NOT_DECODABLE: damaged, or fewer frames than promised; NO_PIXELS; TOO_LARGE.
    """
    fragments = read_fragments(header.body, header.start)
    if not fragments.parts and not fragments.complete:
        raise UnreadableVideo(
            Reason.NOT_DECODABLE, "the pixel data are cut before the end of the video stream"
        )
    if not fragments.parts:
        raise UnreadableVideo(Reason.NO_PIXELS, "the pixel data hold no fragment")
    colour = Rgb()
    count = 0
    with open_video(b"".join(fragments.parts), limits) as (container, stream):
        frames = decoded(container, stream)
        frame = next(frames, None)
        while frame is not None:  # one frame ahead, to know the last
            following = next(frames, None)
            count += 1
            limits.check_frames(count)
            if following is None:
                _check(count, header.frames, fragments.complete)
            if mode == "exact" or clips > 1 or is_used(count - 1) or following is None:
                yield Frame(rgb(frame), colour, count - 1, last=following is None)
            frame = following
    if count == 0:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "no frame of the video stream can be decoded")


def _check(count: int, promised: int | None, complete: bool) -> None:
    if promised is not None and count < promised:
        raise UnreadableVideo(Reason.NOT_DECODABLE, f"{promised:,} frames expected, {count:,} decoded")
    if promised is None and not complete:
        raise UnreadableVideo(Reason.NOT_DECODABLE, f"the pixel data are cut after {count:,} frames")
    if count == 1:
        raise SkippedVideo(Reason.STILL, "one frame")
