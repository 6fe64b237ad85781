"""MP4, MOV, AVI and MKV to clips.

Source: README, "The method", step 1.6: R-G-B, no sector mask.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo, VideoError
from echoprime.reading.clip import FRAMES, SIDE, STRIDE, Clip, crop_box, scale, used_frames
from echoprime.reading.container import decoded, open_video, rgb
from echoprime.reading.damage import damage_as_reason
from echoprime.reading.facts import VideoFacts, count_or_unknown
from echoprime.reading.formats import Format
from echoprime.reading.limits import Limits
from echoprime.reading.reading import Reading, content_of
from echoprime.reading.truncation import is_cut

_LAST_USED = max(used_frames(10**6))  # any number of frames that is enough


def read_video(data: bytes, kind: Format, limits: Limits) -> Reading:
    """Decode a video file to its clip; nothing after the last frame that the clip needs is decoded.

    Parameters
    ----------
    data
        The whole file.
    kind
        MP4, MOV, AVI or MKV.
    limits
        Checked before memory is taken.

    Returns
    -------
    Facts, and a clip or the reason why there is none: STILL; NOT_DECODABLE: damaged, or cut; NO_PIXELS: no
    frame; TOO_LARGE.

    Raises
    ------
    UnreadableVideo
        The container cannot be opened, so that there are no facts: NO_PIXELS: no video stream;
        NOT_DECODABLE; TOO_LARGE.
    """
    taken = _Taken()
    with open_video(data, limits) as (container, stream):
        facts = _facts(stream)
        try:
            with damage_as_reason():
                for frame in decoded(container, stream):
                    taken.add(frame)
                    if taken.count > _LAST_USED:
                        break
                whole = taken.count if taken.count <= _LAST_USED else _frames_in_file(container, stream)
                limits.check_frames(whole)
                if is_cut(data, kind):
                    raise _cut(stream.frames, max(taken.count, _packets(container, stream)))
                _check(taken.count, stream.frames)
        except VideoError as error:
            return Reading(replace(facts, frames_decoded=taken.count), error=error)
    clip = Clip(taken.frames, used=len(used_frames(taken.count)), frames_in_file=whole, format=kind.value)
    facts = replace(facts, frames=whole, frames_decoded=taken.count, content=content_of(clip))
    return Reading(facts, clip)


class _Taken:
    """Takes a video's frames in order: every second one is cropped and scaled."""

    def __init__(self) -> None:
        self.frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
        self.count = 0

    def add(self, frame: VideoFrame) -> None:
        if self.count % STRIDE == 0:
            picture = rgb(frame)
            scale(picture[crop_box(*picture.shape[:2])], self.frames[self.count // STRIDE])
        self.count += 1


def _check(count: int, promised: int) -> None:
    if count <= _LAST_USED and count < promised:
        raise _cut(promised, count)
    if count == 0:
        raise UnreadableVideo(Reason.NO_PIXELS, "the video stream has no frame")
    if count == 1:
        raise SkippedVideo(Reason.STILL, "one frame")


def _cut(promised: int, there: int) -> UnreadableVideo:
    """A cut file is refused even where the clip's frames are all there: it is not the video that was made."""
    expected = f"{promised:,}" if promised else "more"
    return UnreadableVideo(Reason.NOT_DECODABLE, f"{expected} frames expected, the file holds {there:,}")


def _facts(stream: VideoStream) -> VideoFacts:
    """What the container says; its number of frames is 0 where it does not (MKV)."""
    return VideoFacts(
        frames=count_or_unknown(stream.frames),
        rows=count_or_unknown(stream.height),
        columns=count_or_unknown(stream.width),
        frame_time=_frame_time(stream),
    )


def _frame_time(stream: VideoStream) -> float | None:
    """Milliseconds from frame to frame, on average; None where the container does not say."""
    rate = stream.average_rate
    return float(1000 / rate) if rate else None


def _frames_in_file(container: InputContainer, stream: VideoStream) -> int:
    """As the container says; where it does not (MKV), its packets, which are cheap to count."""
    if stream.frames:
        return int(stream.frames)
    return _packets(container, stream)


def _packets(container: InputContainer, stream: VideoStream) -> int:
    container.seek(0)
    return sum(1 for packet in container.demux(stream) if packet.size)
