"""What reading one file gives: its facts, and either its clip or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash

from echoprime.errors import VideoError
from echoprime.reading.clip import Clip
from echoprime.reading.facts import NO_FACTS, VideoFacts


@dataclass(frozen=True, eq=False)
class Reading:
    """Outcome of reading one file.

    Parameters
    ----------
    facts
        What the file says of its video, as far as it could be read: also of skipped and failed videos.
    clip
        What the networks see; None where `error` is set.
    error
        Why there is no clip; None where there is one.
    later
        Its clips that begin later, where several were asked for.

    Raises
    ------
    ValueError
        For both or neither of `clip` and `error`.

    Examples
    --------
    >>> from echoprime.errors import Reason, SkippedVideo
    >>> reading = Reading(VideoFacts(frames=1), error=SkippedVideo(Reason.STILL, "one frame"))
    >>> reading.facts.frames, reading.outcome
    (1, 'skipped')
    """

    facts: VideoFacts = NO_FACTS
    clip: Clip | None = None
    error: VideoError | None = None
    later: tuple[Clip, ...] = ()

    def __post_init__(self) -> None:
        if (self.clip is None) is (self.error is None):
            raise ValueError("a reading has either a clip or an error")

    @property
    def outcome(self) -> str:
        """`encoded`, `skipped` or `failed`."""
        return "encoded" if self.error is None else self.error.outcome

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All of its clips, in the order of their starts; none where `error` is set."""
        return () if self.clip is None else (self.clip, *self.later)

    def require_clip(self) -> Clip:
        """The clip.

        Raises
        ------
        VideoError
            The reading's own error.
        """
        if self.error is not None:
            raise self.error
        assert self.clip is not None
        return self.clip


def content_of(clip: Clip) -> str:
    """Hash of what the networks see: XXH3, 128 bits, of the number of real frames and their pixels.

    Two files of one loop have the same, whatever their headers and lossless transfer syntaxes are.

    Examples
    --------
    >>> import numpy as np
    >>> content_of(Clip(np.zeros((16, 224, 224, 3), np.uint8), used=1, frames_in_file=2, format="avi"))
    '699a952fa1b4408a6b9b7419c324d320'
    """
    # Nobody gains by two loops of one hash, and this takes a thirtieth of SHA-256's time.
    digest = xxhash.xxh3_128(bytes([clip.used]))
    digest.update(clip.frames[: clip.used].data)
    return digest.hexdigest()
