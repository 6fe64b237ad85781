"""What goes over the pipes between `ClipReader` and its child: messages, and clips and errors as messages.

A message is its length, 8 bytes little-endian, and its content. A request is a file's bytes; a reply is one
line of JSON, and after it the frames of a clip.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from echoprime.errors import SKIPPED, Reason, SkippedVideo, UnreadableVideo, VideoError
from echoprime.reading.clip import FRAMES, SIDE, Clip
from echoprime.reading.facts import VideoFacts

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


def reply_with_clip(clip: Clip) -> bytes:
    """A clip as a reply's content."""
    facts: dict[str, Any] = {"used": clip.used, "frames_in_file": clip.frames_in_file, "format": clip.format}
    facts |= {"facts": asdict(clip.facts)}
    return json.dumps(facts).encode() + b"\n" + clip.frames.tobytes()


def reply_with_error(error: VideoError) -> bytes:
    """Why there is no clip, as a reply's content."""
    return json.dumps({"reason": error.reason.value, "message": error.message}).encode() + b"\n"


def clip_of(reply: bytes | bytearray) -> Clip:
    """The clip of a reply.

    Raises
    ------
    SkippedVideo, UnreadableVideo
        As the child raised it.

    Examples
    --------
    >>> clip_of(reply_with_error(SkippedVideo(Reason.STILL, "one frame")))
    Traceback (most recent call last):
    echoprime.errors.SkippedVideo: one frame
    """
    line, _, frames = bytes(reply).partition(b"\n")
    facts = json.loads(line)
    if "reason" in facts:
        reason = Reason(facts["reason"])
        raise (SkippedVideo if reason in SKIPPED else UnreadableVideo)(reason, facts["message"])
    facts["facts"] = VideoFacts(**facts["facts"])
    return Clip(np.frombuffer(bytearray(frames), np.uint8).reshape(FRAMES, SIDE, SIDE, 3), **facts)
