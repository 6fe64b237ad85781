"""Video files as they come: codecs, containers, ranges, rotation, rates, interlacing, cut halves."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from echoprime.errors import Reason
from echoprime.reading import crop_box, read_file

COUNT = 12
QUIET = {"x265-params": "log-level=none:pools=1"}


def written(frames, codec, container, pixels, *, options=None, times=None, colour_range=None, flags=()):
    """A video of R-G-B frames; `times` are their places on a clock of 1/1000 s."""
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115  # its header may be moved to the front: read again
    with av.open(file.name, "w", format=container, options=dict(flags)) as output:
        stream = output.add_stream(codec, rate=30, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if colour_range is not None:
            stream.codec_context.color_range = colour_range
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if colour_range is not None:
                frame = frame.reformat(format=pixels, dst_color_range=colour_range)
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return Path(file.name).read_bytes()


def seen(frames):
    """What a clip's frames must be, of R-G-B pictures."""
    return [
        cv2.resize(frame[crop_box(*frame.shape[:2])], (224, 224), interpolation=cv2.INTER_CUBIC)
        for frame in frames[::2]
    ]


def mean_difference(reading, frames):
    clip = reading.require_clip()
    assert clip.used == (len(frames) + 1) // 2
    return float(np.abs(clip.frames[: clip.used].astype(int) - np.stack(seen(frames))).mean())


@pytest.fixture(scope="module")
def frames(make):
    """Blurred, so that what codecs lose is little beside a wrong range: 12 levels."""
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in make.loop(count=COUNT)])


@pytest.mark.parametrize(
    ("codec", "container", "pixels", "options"),
    [
        ("libx264", "mp4", "yuv420p", {"crf": "16"}),
        ("libx264", "mov", "yuv420p", {"crf": "16"}),
        ("libx264", "matroska", "yuv420p", {"crf": "16"}),
        ("libx264", "avi", "yuv420p", {"crf": "16", "bf": "0"}),
        ("libx264", "mp4", "yuv420p10le", {"crf": "16"}),
        ("libx264", "mp4", "yuv422p", {"crf": "16"}),
        ("libx264", "mp4", "gray", {"crf": "16"}),
        ("libx265", "mp4", "yuv420p", {"crf": "16", **QUIET}),
        ("libx265", "matroska", "yuv420p10le", {"crf": "16", **QUIET}),
        ("mpeg4", "avi", "yuv420p", {"b": "4M"}),
        ("mpeg4", "mp4", "yuv420p", {"b": "4M"}),
        ("mjpeg", "avi", "yuvj420p", {"b": "8M"}),
        ("mjpeg", "mov", "yuvj420p", {"b": "8M"}),
        ("rawvideo", "avi", "bgr24", {}),
        ("rawvideo", "matroska", "yuv420p", {}),
    ],
)
def test_codecs_and_containers(frames, codec, container, pixels, options):
    reading = read_file(written(frames, codec, container, pixels, options=options))
    grey = np.repeat(frames.mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    assert mean_difference(reading, grey if pixels == "gray" else frames) < (6 if pixels == "gray" else 4)
    assert (reading.facts.frames, reading.facts.frames_decoded) == (COUNT, COUNT)
    assert reading.facts.frame_time == pytest.approx(1000 / 30, rel=0.02)


@pytest.mark.parametrize(
    ("codec", "pixels", "colour_range"),
    [
        ("libx264", "yuv420p", 1),  # limited, and said
        ("libx264", "yuv420p", 2),  # full, and said
        ("mpeg4", "yuv420p", None),  # not said: limited
        ("mjpeg", "yuvj420p", None),  # full by its name
    ],
)
def test_ranges(codec, pixels, colour_range):
    """A ramp from black to white: a wrong range moves its ends by 16 and 20 levels."""
    ramp = np.broadcast_to(np.linspace(0, 255, 128)[None, None, :, None], (COUNT, 96, 128, 3))
    frames = np.rint(ramp).astype(np.uint8)
    container = "avi" if codec == "mjpeg" else "mp4"
    options = {"crf": "12"} if codec == "libx264" else {"b": "6M"}
    reading = read_file(written(frames, codec, container, pixels, options=options, colour_range=colour_range))
    shown = reading.require_clip().frames[:6].astype(int).mean(axis=(0, 1))
    assert np.abs(shown - np.stack(seen(frames)).mean(axis=(0, 1))).max() < 4


@pytest.mark.parametrize(("container", "flags"), [("mp4", {}), ("matroska", {})])
def test_variable_frame_rate(frames, container, flags):
    """Every frame counts once, however long it is shown; the time is the mean."""
    times = np.cumsum([0, *([20, 60] * COUNT)])[:COUNT].tolist()
    data = written(frames, "libx264", container, "yuv420p", options={"crf": "12"}, times=times, flags=flags)
    reading = read_file(data)
    assert reading.facts.frames_decoded == COUNT
    assert mean_difference(reading, frames) < 4
    assert 20 <= reading.facts.frame_time <= 60


@pytest.mark.parametrize(
    ("matrix", "quarters"), [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)]
)
def test_rotated(frames, matrix, quarters):
    """The display matrix of the track's header, which telephones write."""
    data = bytearray(written(frames, "libx264", "mp4", "yuv420p", options={"crf": "12"}))
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    values = [a, b, 0, c, d, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    turned = np.rot90(frames, quarters, axes=(1, 2))
    assert mean_difference(read_file(bytes(data)), np.ascontiguousarray(turned)) < 4


def test_interlaced(frames):
    """Fields are woven, not dropped."""
    options = {"flags": "+ildct+ilme", "b": "6M"}
    reading = read_file(written(frames, "mpeg2video", "matroska", "yuv420p", options=options))
    assert reading.facts.frames_decoded == COUNT
    assert mean_difference(reading, frames) < 4


@pytest.mark.parametrize("count", [20, 60])
@pytest.mark.parametrize(
    ("codec", "container", "pixels", "flags"),
    [
        ("libx264", "mp4", "yuv420p", {"movflags": "faststart"}),
        ("libx264", "mov", "yuv420p", {"movflags": "faststart"}),
        ("mjpeg", "avi", "yuvj420p", {}),
        ("libx264", "matroska", "yuv420p", {}),
    ],
)
def test_cut_halves(make, codec, container, pixels, flags, count):
    """Found also where all frames of the clip are in the first half."""
    data = written(make.loop(count=count), codec, container, pixels, flags=flags)
    reading = read_file(data[: len(data) * 3 // 4])
    assert reading.error.reason is Reason.NOT_DECODABLE
    assert reading.facts.frames_decoded < count
    if reading.facts.frames is not None:
        assert reading.facts.frames == count
        assert (
            f"{count} frames expected" in reading.error.message
            or "cannot be decoded" in reading.error.message
        )
