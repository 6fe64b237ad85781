"""Multipart answers cut into pieces anywhere: the object's own bytes, held once, or why not."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from echoprime.errors import ReadError, Reason
from echoprime.storage.dicomweb_multipart import only_part

HEADERS = b"Content-Type: application/dicom\r\nContent-Length: 7"
parts = some.lists(some.sampled_from([b"\r\n", b"\r\n--", b"--b", b"\r\n\r\n", b"\r\n-", b"x", b"\0"])).map(
    b"".join
)


def message(*objects: bytes, before: bytes = b"", headers: bytes = HEADERS, after: bytes = b"\r\n") -> bytes:
    body = b"".join(b"\r\n--bound\r\n" + headers + b"\r\n\r\n" + data for data in objects)
    return (before + body + b"\r\n--bound--" + after).removeprefix(b"\r\n")


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[begin:end] for begin, end in pairwise(ends)]


@given(
    parts, some.lists(some.integers(0, 500), max_size=6), some.sampled_from([b"", b"\r\n", b"a preamble\r\n"])
)
def test_an_object_comes_out_whatever_its_bytes_are_and_where_they_are_cut(
    data: bytes, cuts: list[int], before: bytes
) -> None:
    assert only_part(pieces(message(data, before=before), cuts), "bound") == data


@given(some.integers(0, 200), some.lists(some.integers(0, 500), max_size=3))
def test_what_is_cut_off_is_never_an_object(left: int, cuts: list[int]) -> None:
    body = message(b"0123456789" * 20, after=b"")
    with pytest.raises(ReadError) as error:
        only_part(pieces(body[: max(0, len(body) - 1 - left)], cuts), "bound")
    assert error.value.reason is Reason.SHORT_READ


@pytest.mark.parametrize("objects", [(), (b"one", b"two"), (b"", b"", b"")])
def test_another_number_of_objects(objects: tuple[bytes, ...]) -> None:
    with pytest.raises(ReadError, match=f"sent {len(objects)} objects for one") as error:
        only_part([message(*objects)], "bound")
    assert error.value.reason is Reason.READ_ERROR


def test_a_part_without_headers_and_an_empty_one() -> None:
    assert only_part([b"--bound\r\n\r\nheart\r\n--bound--"], "bound") == b"heart"
    assert only_part([message(b"")], "bound") == b""


def test_what_has_no_headers_is_given_up_before_it_is_all_there() -> None:
    def endless():
        while True:
            yield b"x" * 10_000

    with pytest.raises(ReadError, match="no headers"):
        only_part(endless(), "bound")


def test_an_object_is_held_once() -> None:
    piece, count = bytes(1 << 20), 64
    tail = b"\r\n--bound--\r\n"

    def arriving():
        yield b"--bound\r\n" + HEADERS + b"\r\n\r\n"
        for _ in range(count):
            yield bytes(1 << 20)
        yield tail

    tracemalloc.start()
    try:
        data = only_part(arriving(), "bound")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) == count * len(piece)
    assert peak < 1.3 * len(data)
