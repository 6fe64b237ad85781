"""Any value of any element that is read: a clip or a reason comes out, and no word of the header."""

from __future__ import annotations

import resource
import struct
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pydicom.valuerep import STANDARD_VR

from echoprime.errors import VideoError
from echoprime.reading import read_clip
from echoprime.reading.header import WANTED

SECONDS = 5.0
MEMORY = 300 << 20
"""Bytes that this process may grow by over all examples."""

VRS = st.sampled_from([*sorted(STANDARD_VR), "xx", "\0\0"])
MARKERS = ("HEARTLEY", "H\u00e9artl\u00ffy")


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """One explicit little-endian element, which may lie about its length."""
    told = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"):
        return head + b"\0\0" + struct.pack("<I", told & 0xFFFFFFFF) + value
    return head + struct.pack("<H", told & 0xFFFF) + value


def true_elements(frames: np.ndarray) -> dict[int, bytes]:
    """What a sound loop of RGB says of itself."""
    count, rows, columns = frames.shape[:3]
    numbers = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "Rows": rows, "Columns": columns}
    numbers |= {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
    made = {
        int(Tag(name)): element(Tag(name), "US", struct.pack("<H", each)) for name, each in numbers.items()
    }
    made[int(Tag("PhotometricInterpretation"))] = element(Tag("PhotometricInterpretation"), "CS", b"RGB ")
    made[int(Tag("NumberOfFrames"))] = element(Tag("NumberOfFrames"), "IS", f"{count} ".encode())
    made[int(Tag("FrameTime"))] = element(Tag("FrameTime"), "DS", b"33.3")
    return made


def small_frames() -> np.ndarray:
    frames = np.zeros((2, 40, 48, 3), np.uint8)
    frames[:, 2:38, 2:46] = 60
    frames[1, 8:30, 8:36] = 150
    return frames


FRAMES = small_frames()
TRUE = true_elements(FRAMES)


def file_of(elements: dict[int, bytes]) -> bytes:
    """A file of these elements, in their order, and the loop's pixels."""
    meta = element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
    body = b"".join(elements[tag] for tag in sorted(elements))
    return bytes(128) + b"DICM" + meta + body + element(0x7FE00010, "OB", FRAMES.tobytes())


text = st.one_of(
    st.sampled_from(
        [b"", b" ", b"0", b"-1", b"1e309", b"nan", b"inf", b"2147483648", b"1\\2\\3", b"\\", b"\0"]
    ),
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda each: each.encode("utf-8", "replace")),
    st.sampled_from(MARKERS).map(lambda each: each.encode("utf-8")),
    st.sampled_from(MARKERS).map(lambda each: each.encode("latin-1") * 3000),
)
numbers = st.one_of(
    st.integers(0, 65_535).map(lambda each: struct.pack("<H", each)),
    st.integers(0, 2**32 - 1).map(lambda each: struct.pack("<I", each)),
    st.floats().map(lambda each: struct.pack("<d", each)),
    st.lists(st.integers(0, 65_535), max_size=8).map(lambda each: struct.pack(f"<{len(each)}H", *each)),
)
values = st.one_of(text, numbers)
lengths = st.one_of(
    st.none(), st.none(), st.integers(0, 200), st.sampled_from([0xFFFF, 0xFFFE, 0xFFFFFFFF, 0xFFFFFFFE])
)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """One to four elements of those that are read with values, types and lengths that may be anything."""
    chosen = dict(TRUE)
    for _ in range(draw(st.integers(1, 4))):
        tag = int(draw(st.sampled_from(WANTED)))
        vr = draw(st.one_of(st.just(dictionary_VR(tag).split(" ")[0]), VRS))
        if draw(st.integers(0, 9)) == 0:
            chosen.pop(tag, None)
        elif draw(st.integers(0, 5)) == 0:  # a sequence of one item of other elements
            inner = element(int(draw(st.sampled_from(WANTED))), vr, draw(values))
            chosen[tag] = element(tag, "SQ", b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner)
        else:
            chosen[tag] = element(tag, vr, draw(values), draw(lengths))
    return file_of(chosen)


def outcome(data: bytes) -> str:
    """What came of a file, within its time: "clip", or the message."""
    started = time.monotonic()
    try:
        said, shape = "clip", read_clip(data).frames.shape
    except VideoError as error:
        said, shape = error.message, (16, 224, 224, 3)
    assert time.monotonic() - started < SECONDS
    assert shape == (16, 224, 224, 3)
    assert "\n" not in said
    assert not any(marker in said for marker in MARKERS)
    return said


def test_the_true_header_is_a_clip() -> None:
    assert outcome(file_of(TRUE)) == "clip"


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(headers())
def test_any_header_ends_in_a_clip_or_a_reason(data: bytes) -> None:
    outcome(data)


@pytest.mark.slow
@settings(max_examples=20_000, suppress_health_check=[HealthCheck.too_slow])
@given(headers())
def test_twenty_thousand_headers(data: bytes) -> None:
    outcome(data)


@pytest.mark.parametrize("tag", WANTED, ids=str)
def test_every_element_without_its_value_and_with_a_huge_one(tag: int) -> None:
    """Each alone, for the surest of what hypothesis may find: absent, empty, a megabyte, cut in its value."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    tag = int(tag)
    vr = dictionary_VR(tag).split(" ")[0]
    for made in (
        b"",
        element(tag, vr, b""),
        element(tag, "UN", bytes(1 << 20)),
        element(tag, "UT", b"9" * (1 << 20)),
    ):
        outcome(file_of({**TRUE, tag: made}))
        outcome(file_of({**TRUE, tag: made})[:-10])
    whole = file_of({**TRUE, tag: element(tag, vr, b"12345678")})
    outcome(whole[: len(whole) - FRAMES.nbytes - 30])
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before < MEMORY
