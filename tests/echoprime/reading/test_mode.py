"""Mode fast: what is decoded, what is still checked, and what is no longer seen."""

import io
import struct

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from echoprime.errors import Reason, SettingError
from echoprime.reading import ClipReader, read_clip, read_file
from echoprime.reading.clip import used_frames

COUNT = 40
UNUSED = 35
"""A frame that fast reading leaves out."""


def streams_of(make, count=COUNT):
    return [
        imagecodecs.jpeg8_encode(frame, level=90, subsampling="420")
        for frame in make.loop(count=count, rows=64, columns=80)
    ]


def dicom_of(make, streams, **elements):
    frames = make.loop(count=len(streams), rows=64, columns=80)
    return make.dicom(frames, "YBR_FULL_422", syntax=JPEGBaseline8Bit, pixels=streams, **elements)


def with_scan(stream, scan):
    """A stream whose coded pixels are others."""
    start = stream.index(b"\xff\xda") + 14
    return stream[:start] + scan + b"\xff\xd9"


def assert_fast_differs_at_the_edge_alone(data):
    exact, fast = read_file(data), read_file(data, mode="fast")
    assert (fast.facts.frames, fast.facts.frames_decoded) == (exact.facts.frames, 17)
    assert fast.clip.used == exact.clip.used
    assert fast.clip.frames_in_file == exact.clip.frames_in_file == COUNT
    apart = np.abs(exact.clip.frames.astype(int) - fast.clip.frames)
    assert (apart > 1).mean() < 0.02


def test_jpeg_loop(make):
    assert_fast_differs_at_the_edge_alone(dicom_of(make, streams_of(make)))


@pytest.mark.parametrize("photometric", ["RGB", "MONOCHROME2"])
def test_native_loop(make, photometric):
    shape = {"count": COUNT, "rows": 64, "columns": 80}
    frames = make.loop(**shape) if photometric == "RGB" else make.grey_loop(**shape)
    assert_fast_differs_at_the_edge_alone(make.dicom(frames, photometric))


@pytest.mark.parametrize("count", [2, 3, 31, 32])
def test_short_loop_needs_nearly_all_frames(make, count):
    data = dicom_of(make, streams_of(make, count))
    fast = read_file(data, mode="fast")
    assert fast.facts.frames_decoded == len({*used_frames(count), count - 1})
    assert fast.clip.used == len(used_frames(count))


def test_video_stream_inside(make):
    frames = make.loop(count=COUNT, rows=64, columns=80)
    stream = make.video(frames, "libx264", "h264")
    data = make.dicom(frames, "YBR_PARTIAL_420", syntax="1.2.840.10008.1.2.4.102", pixels=[stream])
    assert_fast_differs_at_the_edge_alone(data)


def test_frames_between_are_not_decoded_and_damage_of_their_pixels_and_tables_is_not_seen(make):
    streams = streams_of(make)
    whole = read_clip(dicom_of(make, streams), mode="fast")
    length = len(streams[UNUSED]) - streams[UNUSED].index(b"\xff\xda") - 16
    streams[UNUSED] = with_scan(streams[UNUSED], b"\x55" * length)
    damaged = dicom_of(make, streams)
    assert np.array_equal(read_clip(damaged, mode="fast").frames, whole.frames)
    counts = streams[UNUSED].index(b"\xff\xc4") + 5
    streams[UNUSED] = streams[UNUSED][:counts] + b"\xff" * 16 + streams[UNUSED][counts + 16 :]
    damaged = dicom_of(make, streams)
    assert np.array_equal(read_clip(damaged, mode="fast").frames, whole.frames)
    assert read_file(damaged).error.message == "frame 35 of 40 cannot be decoded (Jpeg8Error)"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda stream: stream[: len(stream) // 2], "cut"),
        (lambda stream: b"\xff\xd8\xff" + bytes(len(stream) - 3), "markers"),
        (
            lambda stream: imagecodecs.jpeg8_encode(np.zeros((32, 32, 3), np.uint8)),
            "frame 35 has another size",
        ),
    ],
)
def test_structure_of_frames_that_are_not_decoded_is_checked(make, harm, words):
    streams = streams_of(make)
    streams[UNUSED] = harm(streams[UNUSED])
    error = read_file(dicom_of(make, streams), mode="fast").error
    assert error.reason is Reason.NOT_DECODABLE
    assert words in error.message


def test_fewer_frames_than_promised(make):
    error = read_file(dicom_of(make, streams_of(make), NumberOfFrames=41), mode="fast").error
    assert (error.reason, error.message) == (
        Reason.NOT_DECODABLE,
        "41 frames expected, the pixel data hold 40",
    )


@pytest.mark.parametrize("cut", [lambda frame: frame[:70], lambda frame: struct.pack("<I", 9) + frame[4:]])
def test_run_length_frames_are_checked(make, cut):
    greys = make.grey_loop(count=COUNT, rows=64, columns=80)
    made = pydicom.dcmread(io.BytesIO(make.dicom(greys, "MONOCHROME2")))
    made.compress(RLELossless)
    frames = list(generate_frames(made.PixelData, number_of_frames=COUNT))
    read = read_file(make.dicom(greys, "MONOCHROME2", syntax=RLELossless, pixels=frames), mode="fast")
    assert read.facts.frames_decoded == 17
    frames[UNUSED] = cut(frames[UNUSED])
    damaged = make.dicom(greys, "MONOCHROME2", syntax=RLELossless, pixels=frames)
    assert read_file(damaged, mode="fast").error.reason is Reason.NOT_DECODABLE


def test_child_reads_in_its_mode(make):
    data = dicom_of(make, streams_of(make))
    with ClipReader(mode="fast") as reader:
        read = reader.read(data)
    expected = read_file(data, mode="fast")
    assert read.facts == expected.facts
    assert np.array_equal(read.clip.frames, expected.clip.frames)


def test_no_such_mode():
    for wrong in (lambda: read_clip(b"", mode="quick"), lambda: ClipReader(mode="quick")):
        with pytest.raises(SettingError, match="mode 'quick' is not one of exact, fast"):
            wrong()
