"""MP4, MOV, AVI and MKV to clips.

Source: README, "The method", step 1.6: R-G-B, no sector mask.
"""

from __future__ import annotations

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.clip import FRAMES, SIDE, STRIDE, Clip, crop_box, scale, used_frames
from echoprime.reading.container import decoded, open_video, rgb
from echoprime.reading.facts import VideoFacts
from echoprime.reading.formats import Format
from echoprime.reading.limits import Limits
from echoprime.reading.truncation import is_cut

_LAST_USED = max(used_frames(10**6))  # any number of frames that is enough


def read_video(data: bytes, kind: Format, limits: Limits) -> Clip:
    """Decode a video file to its clip; nothing after the last frame that the clip needs is decoded.

    Parameters
    ----------
    data
        The whole file.
    kind
        MP4, MOV, AVI or MKV.
    limits
        Checked before memory is taken.

    Raises
    ------
    SkippedVideo
        STILL.
    UnreadableVideo
        NOT_DECODABLE: damaged, or cut before the last frame that the clip needs; NO_PIXELS; TOO_LARGE.
    """
    frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
    count = 0
    with open_video(data, limits) as (container, stream):
        for frame in decoded(container, stream):
            if count % STRIDE == 0:
                box = crop_box(frame.height, frame.width)
                scale(rgb(frame)[box], frames[count // STRIDE])
            count += 1
            if count > _LAST_USED:
                break
        whole = count if count <= _LAST_USED else _frames_in_file(container, stream)
        promised = stream.frames
        facts = VideoFacts(stream.height or None, stream.width or None, _frame_time(stream))
    limits.check_frames(whole)
    if count <= _LAST_USED and (count < promised or is_cut(data, kind)):
        raise UnreadableVideo(Reason.NOT_DECODABLE, f"{_expected(promised)} frames expected, {count} decoded")
    if count == 0:
        raise UnreadableVideo(Reason.NO_PIXELS, "the video stream has no frame")
    if count == 1:
        raise SkippedVideo(Reason.STILL, "one frame")
    return Clip(frames, used=len(used_frames(count)), frames_in_file=whole, format=kind.value, facts=facts)


def _frame_time(stream: VideoStream) -> float | None:
    """Milliseconds from frame to frame, on average; None where the container does not say."""
    rate = stream.average_rate
    return float(1000 / rate) if rate else None


def _expected(promised: int) -> str:
    return f"{promised:,}" if promised else "more"


def _frames_in_file(container: InputContainer, stream: VideoStream) -> int:
    """As the container says; where it does not (MKV), its packets, which are cheap to count."""
    if stream.frames:
        return int(stream.frames)
    container.seek(0)
    return sum(1 for packet in container.demux(stream) if packet.size)
