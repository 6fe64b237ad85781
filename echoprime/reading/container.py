"""Decoding of video streams, in files of their own or inside DICOM objects, by FFmpeg (PyAV)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from echoprime.errors import Reason, UnreadableVideo
from echoprime.reading.colour import Picture
from echoprime.reading.limits import Limits

# Without it FFmpeg conceals damage: it fills what it cannot decode from the frames before. "bitstream" is not
# among them: it refuses sound MPEG-2 streams that end with a padding byte, as DICOM's do.
_STRICT = {"err_detect": "crccheck+buffer+explode"}

# Else a stream may be taken for a list of other files or addresses, and FFmpeg would open those.
_NOTHING_ELSE = {
    "format_whitelist": "mov,avi,matroska,mpegts,mpeg,mpegvideo,m4v,h264,hevc",
    "protocol_whitelist": "",
}


@contextmanager
def open_video(data: bytes, limits: Limits) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the first video stream of a container or of a bare stream.

    Raises
    ------
    UnreadableVideo
        NO_PIXELS: no video stream; UNSUPPORTED: an unknown codec; NOT_DECODABLE; TOO_LARGE.
    """
    try:
        container = av.open(
            io.BytesIO(data), mode="r", metadata_errors="replace", options=dict(_NOTHING_ELSE)
        )
    except av.FFmpegError as error:
        raise UnreadableVideo(
            Reason.NOT_DECODABLE, f"the video container cannot be read ({type(error).__name__})"
        ) from error
    with container:
        if not container.streams.video:
            raise UnreadableVideo(Reason.NO_PIXELS, "the container has no video stream")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise UnreadableVideo(Reason.UNSUPPORTED, "the video's codec is not known")
        stream.codec_context.thread_count = 1  # one core is one reader's share
        stream.codec_context.options = _STRICT
        limits.check_picture(stream.codec_context.height, stream.codec_context.width)
        yield container, stream


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames in the order of their showing.

    Raises
    ------
    UnreadableVideo
        NOT_DECODABLE: the codec finds damage, conceals some, or a frame has another size than the first.
    """
    count, size = 0, None
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise UnreadableVideo(Reason.NOT_DECODABLE, f"frame {count} of the video is damaged")
            size = size or (frame.height, frame.width)
            if size != (frame.height, frame.width):
                raise UnreadableVideo(Reason.NOT_DECODABLE, f"frame {count} has another size than the first")
            yield frame
            count += 1
    except av.FFmpegError as error:
        raise UnreadableVideo(
            Reason.NOT_DECODABLE, f"the video cannot be decoded after {count} frames ({type(error).__name__})"
        ) from error


def rgb(frame: VideoFrame) -> Picture:
    """A frame's pixels, uint8 (rows, columns, 3), R-G-B, full range, turned as its display matrix says."""
    picture = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / 90) % 4  # counterclockwise
    return np.ascontiguousarray(np.rot90(picture, quarters)) if quarters else picture
