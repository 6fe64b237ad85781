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
from echoprime.reading.clip import FRAMES, FRAMES_TAKEN, SIDE, Clip, crop_box, scale, used_frames
from echoprime.reading.colour import Picture
from echoprime.reading.container import decoded, open_video, rgb
from echoprime.reading.damage import damage_as_reason
from echoprime.reading.facts import VideoFacts, count_or_unknown
from echoprime.reading.formats import Format
from echoprime.reading.limits import Limits
from echoprime.reading.reading import Reading, content_of
from echoprime.reading.starts import clip_starts, frames_of_clips
from echoprime.reading.truncation import is_cut

_LAST_USED = max(used_frames(10**6))  # any number of frames that is enough


def read_video(data: bytes, kind: Format, limits: Limits, clips: int = 1) -> Reading:
    """Decode a video file to its clips.

    Of one clip nothing is decoded after the last frame that it needs. Several are spread over the frames that
    decode, which only decoding tells: all are decoded, and once more where the container told another number.

    Parameters
    ----------
    data
        The whole file.
    kind
        MP4, MOV, AVI or MKV.
    limits
        Checked before memory is taken.
    clips
        Clips that are asked for, see `echoprime.reading.starts.clip_starts`.

    Returns
    -------
    Facts, and clips or the reason why there is none: STILL; NOT_DECODABLE: damaged, or cut; NO_PIXELS: no
    frame; TOO_LARGE.

    Raises
    ------
    UnreadableVideo
        The container cannot be opened, so that there are no facts: NO_PIXELS: no video stream;
        NOT_DECODABLE; TOO_LARGE.
    """
    expected: int | None = None
    while True:
        with open_video(data, limits) as (container, stream):
            facts = _facts(stream)
            taken = _Taken(clips, stream.frames if expected is None else expected)
            try:
                with damage_as_reason():
                    for frame in decoded(container, stream):
                        taken.add(frame)
                        if clips > 1:
                            limits.check_frames(taken.count)
                        elif taken.count > _LAST_USED:
                            break
                    whole = taken.count if taken.count <= _LAST_USED else _frames_in_file(container, stream)
                    limits.check_frames(whole)
                    if is_cut(data, kind):
                        raise _cut(stream.frames, max(taken.count, _packets(container, stream)))
                    _check(taken.count, stream.frames)
            except VideoError as error:
                return Reading(replace(facts, frames_decoded=taken.count), error=error)
        if taken.complete:
            break
        expected = taken.count
    clip, *later = taken.clips(whole, kind)
    facts = replace(facts, frames=whole, frames_decoded=taken.count, content=content_of(clip))
    return Reading(facts, clip, later=tuple(later))


class _Taken:
    """Takes a video's frames in order: those that its clips use are cropped and scaled.

    Parameters
    ----------
    clips
        That are asked for.
    expected
        Frames that the video is said to have; 0 = it is not said.
    """

    def __init__(self, clips: int, expected: int) -> None:
        self.count = 0
        self._clips = clips
        # the first clip's frames are among them, whatever the video is said to have
        self._needed = frames_of_clips(max(expected, FRAMES_TAKEN), clips)
        self._scaled: dict[int, Picture] = {}

    def add(self, frame: VideoFrame) -> None:
        if self.count in self._needed:
            picture = rgb(frame)
            scaled = self._scaled[self.count] = np.zeros((SIDE, SIDE, 3), np.uint8)
            scale(picture[crop_box(*picture.shape[:2])], scaled)
        self.count += 1

    @property
    def complete(self) -> bool:
        """Whether every frame that the clips use was kept, once the last one was taken."""
        return frames_of_clips(self.count, self._clips) <= self._scaled.keys()

    def clips(self, whole: int, kind: Format) -> list[Clip]:
        """The clips of a video that says that it has `whole` frames, in the order of their starts."""
        made = []
        for start in clip_starts(self.count, self._clips):
            used = used_frames(self.count, start)
            frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
            for place, number in enumerate(used):
                frames[place] = self._scaled[number]
            made.append(Clip(frames, len(used), whole, kind.value, start))
        return made


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
