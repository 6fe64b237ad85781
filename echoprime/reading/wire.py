"""What goes over the pipes between `ClipReader` and its child: messages, and readings as messages.

A message is its length, 8 bytes little-endian, and its content. A request is a file's bytes; a reply is one
line of JSON, and after it the frames of the clips, if there are any.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from echoprime.errors import SKIPPED, Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.clip import FRAMES, SIDE, Clip
from echoprime.reading.facts import VideoFacts
from echoprime.reading.reading import Reading

LENGTH_BYTES = 8
"""Bytes of a message's length."""
READY = b""
"""The child's first message: it has imported what it needs and waits."""


def length_of(content: bytes | memoryview) -> bytes:
    """The length that goes before a message's content.

    Examples
    --------
    >>> length_of(b"abc").hex()
    '0300000000000000'
    """
    return len(content).to_bytes(LENGTH_BYTES, "little")


def reply_of(reading: Reading) -> bytes:
    """A reading as a reply's content."""
    line: dict[str, Any] = {"facts": asdict(reading.facts)}
    if reading.error is not None:
        line |= {"reason": reading.error.reason.value, "message": reading.error.message}
        return json.dumps(line).encode() + b"\n"
    line["clips"] = [[clip.used, clip.frames_in_file, clip.format, clip.start] for clip in reading.clips]
    return b"".join([json.dumps(line).encode(), b"\n", *(clip.frames.data for clip in reading.clips)])


def reading_of(reply: bytes | bytearray) -> Reading:
    """The reading of a reply.

    Examples
    --------
    >>> reading_of(reply_of(Reading(error=SkippedVideo(Reason.STILL, "one frame")))).error
    SkippedVideo('one frame')
    """
    end = reply.index(b"\n")
    line = json.loads(reply[:end])
    facts = line.pop("facts")
    facts = VideoFacts(**facts | {"regions": tuple(facts["regions"])})
    if "reason" in line:
        reason = Reason(line["reason"])
        kind = SkippedVideo if reason in SKIPPED else UnreadableVideo
        return Reading(facts, error=kind(reason, line["message"]))
    own = reply if isinstance(reply, bytearray) else bytearray(reply)  # pixels that may be written to
    frames = np.frombuffer(own, np.uint8, offset=end + 1).reshape(-1, FRAMES, SIDE, SIDE, 3)
    clip, *later = [Clip(each, *about) for each, about in zip(frames, line["clips"], strict=True)]
    return Reading(facts, clip, later=tuple(later))
