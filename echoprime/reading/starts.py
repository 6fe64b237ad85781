"""Where a video's clips begin: at its beginning, as published, or at several frames spread over it."""

from __future__ import annotations

from echoprime.errors import SettingError
from echoprime.reading.clip import FRAMES_TAKEN, used_frames

MOST_CLIPS = 8
"""Clips of one video at most: 19 MB, what a row of the encode job holds."""


def require_clips_per_video(clips: int) -> None:
    """Refuse what is no number of clips.

    Raises
    ------
    SettingError
        Naming it, and the bounds.

    Examples
    --------
    >>> require_clips_per_video(9)
    Traceback (most recent call last):
    echoprime.errors.SettingError: clips per video: 9 is not between 1 and 8
    """
    if not 1 <= clips <= MOST_CLIPS:
        raise SettingError(f"clips per video: {clips} is not between 1 and {MOST_CLIPS}")


def clip_starts(count: int, clips: int) -> list[int]:
    """First frame of each clip of a video, ascending; the first clip is the published one.

    The others are spread evenly over what the video allows: floor(j * (count - 32) / (clips - 1)). A video of
    at most 32 frames has one clip, and one of few more has none twice.

    Parameters
    ----------
    count
        Frames of the video.
    clips
        Clips that are asked for, at least 1.

    Examples
    --------
    >>> clip_starts(93, 3), clip_starts(33, 3), clip_starts(32, 3), clip_starts(93, 1)
    ([0, 30, 61], [0, 1], [0], [0])
    """
    if clips == 1 or count <= FRAMES_TAKEN:
        return [0]
    spare = count - FRAMES_TAKEN
    return sorted({number * spare // (clips - 1) for number in range(clips)})


def frames_of_clips(count: int, clips: int) -> frozenset[int]:
    """Indices of the frames that any of a video's clips uses.

    Examples
    --------
    >>> sorted(frames_of_clips(5, 3)), len(frames_of_clips(93, 3)), len(frames_of_clips(34, 3))
    ([0, 2, 4], 47, 33)
    """
    return frozenset(frame for start in clip_starts(count, clips) for frame in used_frames(count, start))
