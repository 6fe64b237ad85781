"""ETags against the bytes that they are of."""

from __future__ import annotations

import hashlib
import os

import pytest

from echoprime.storage.etags import MEBIBYTE, fits_etag


def of_parts(data: bytes, size: int) -> str:
    digests = [hashlib.md5(data[begin : begin + size]).digest() for begin in range(0, len(data), size)]
    return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def test_a_whole_object() -> None:
    etag = hashlib.md5(b"heart").hexdigest()
    assert fits_etag(b"heart", etag) is True
    assert fits_etag(b"heard", etag) is False
    assert fits_etag(b"", hashlib.md5(b"").hexdigest()) is True
    assert fits_etag(b"heart", "0x8DC") is None


@pytest.mark.parametrize("part", [5, 8, 15, 16])
def test_an_object_in_parts(part: int) -> None:
    data = os.urandom(17 * MEBIBYTE)
    assert fits_etag(data, of_parts(data, part * MEBIBYTE)) is True
    assert fits_etag(data[:-1] + b"x", of_parts(data, part * MEBIBYTE)) in (None, data[-1:] == b"x")


def test_one_part_and_parts_of_an_odd_size() -> None:
    data = os.urandom(1000)
    assert fits_etag(data, of_parts(data, 5000)) is True
    assert fits_etag(data, of_parts(data, 300)) is None
