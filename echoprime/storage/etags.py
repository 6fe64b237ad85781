"""What an ETag says of an object's bytes: most stores' is an MD5, or that of the parts' MD5s."""

from __future__ import annotations

import hashlib
import re

_MD5 = re.compile(r"([0-9a-f]{32})(?:-(\d+))?")

MEBIBYTE = 1 << 20
PART_SIZES = (8, 5, 16, 15, 10, 32, 64, 50, 25, 100, 128)
"""MiB of a part: those of the AWS command line and boto3 first, then those that other tools take."""


def fits_etag(data: bytes, etag: str) -> bool | None:
    """Whether bytes are those that an ETag was made of.

    Parameters
    ----------
    data
        A whole object.
    etag
        Without its quotes.

    Returns
    -------
    bool or None
        None where it cannot be told: no MD5, or parts of an unknown size. False may also mean that the store
        makes ETags of something else.

    Examples
    --------
    >>> fits_etag(b"heart", "1c4f84efd43fbea30c4fd7d9e7bd8e2b"), fits_etag(b"heart", "0x8DC")
    (False, None)
    """
    found = _MD5.fullmatch(etag)
    if found is None:
        return None
    if found[2] is None:
        return _md5(data).hexdigest() == found[1]
    parts = int(found[2])
    return True if any(_of_parts(data, size) == found[1] for size in _sizes(len(data), parts)) else None


def _sizes(length: int, parts: int) -> list[int]:
    """Sizes that cut so many bytes into so many parts, the likeliest first."""
    if parts == 1:
        return [max(length, 1)]
    sizes = [size * MEBIBYTE for size in PART_SIZES]
    return [size for size in sizes if -(-length // size) == parts]


def _of_parts(data: bytes, size: int) -> str:
    view = memoryview(data)
    digests = b"".join(_md5(view[begin : begin + size]).digest() for begin in range(0, len(data), size))
    return _md5(digests).hexdigest()


def _md5(data: bytes | memoryview) -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)
