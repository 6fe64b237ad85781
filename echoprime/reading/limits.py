"""How large a video may be: checked against what headers promise, before memory is taken.

Limits are no part of `encoding_id`: they decide whether a video becomes a clip, never what the clip is, so
that studies encoded under other limits stay comparable. One that a limit has failed is taken up again by
`encode --again too_large` (or decoder_timeout, decoder_died).
"""

from __future__ import annotations

from dataclasses import dataclass

from echoprime.errors import Reason, UnreadableVideo

LEAST_MEMORY = 512 << 20
"""Bytes of address space with less of which no video can be decoded: the libraries alone take 0.43 GB."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one video; more is `Reason.TOO_LARGE`, and more seconds `Reason.DECODER_TIMEOUT`.

    The memory that a video takes grows with the pixels of a frame, about 40 bytes each and 30 for each
    further clip, not with its frames.
    """

    bytes: int = 1 << 30
    """Of the file, and of a deflated DICOM object after inflation. Echo loops have 1 to 200 MB; uncompressed
    ones of several minutes come near a gigabyte."""
    pixels: int = 1 << 24
    """Of one frame, 4096 x 4096. Ultrasound systems write up to about 1080 x 1920; a damaged header can
    promise 65,535 x 65,535, which would take 13 GB."""
    frames: int = 20_000
    """Of one loop: eleven minutes at 30 frames a second."""
    seconds: float = 120.0
    """For decoding, in a process of its own (`ClipReader`): a long loop takes two, or many on a busy core."""
    memory: int = 4 << 30
    """Bytes of address space of that process, 0.4 GB for its libraries included. A file of `bytes` is in it
    once, a deflated one twice."""

    def check_bytes(self, count: int) -> None:
        """Raise `UnreadableVideo` when a file of `count` bytes is too large.

        Examples
        --------
        >>> Limits(bytes=10).check_bytes(11)
        Traceback (most recent call last):
        echoprime.errors.UnreadableVideo: 11 bytes, the limit is 10
        """
        if count > self.bytes:
            raise UnreadableVideo(Reason.TOO_LARGE, f"{count:,} bytes, the limit is {self.bytes:,}")

    def check_picture(self, rows: int, columns: int) -> None:
        """Raise `UnreadableVideo` when a frame of rows x columns is empty or too large.

        Examples
        --------
        >>> Limits().check_picture(600, 800)
        >>> Limits().check_picture(0, 800)
        Traceback (most recent call last):
        echoprime.errors.UnreadableVideo: frames of 0 x 800 pixels
        """
        if rows < 1 or columns < 1:
            raise UnreadableVideo(Reason.NOT_DECODABLE, f"frames of {rows} x {columns} pixels")
        if rows * columns > self.pixels:
            raise UnreadableVideo(
                Reason.TOO_LARGE,
                f"frames of {rows:,} x {columns:,} pixels, the limit is {self.pixels:,} pixels",
            )

    def check_frames(self, count: int) -> None:
        """Raise `UnreadableVideo` when a loop of `count` frames is too long.

        Examples
        --------
        >>> Limits(frames=100).check_frames(101)
        Traceback (most recent call last):
        echoprime.errors.UnreadableVideo: 101 frames, the limit is 100
        """
        if count > self.frames:
            raise UnreadableVideo(Reason.TOO_LARGE, f"{count:,} frames, the limit is {self.frames:,}")
