"""Members of zip and tar files, read where they lie: by one range, or out of an inflated stream.

Nothing is written to a disk. What a member will take is looked at before its bytes are asked for.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable
from typing import TypeAlias

from echoprime.errors import ReadError, Reason, UnreadableVideo
from echoprime.storage.fetching import fetch_range
from echoprime.storage.gzip_stream import GzipStream
from echoprime.storage.location import Location
from echoprime.storage.packed_path import ENCRYPTED, Place, read_place

MOST_GROWTH = 200
"""Times that a large member may grow when it is inflated; ultrasound loops grow 2 to 30 times."""

FREE_GROWTH = 64 * 1024 * 1024
"""Bytes up to which growth does not matter: a black picture grows a thousand times."""

DAMAGED, TOO_MANY, GROWS, UNREAD = "damaged", "members", "growth", "unread"
"""What a place of kind bad says."""

_BAD = {
    DAMAGED: (Reason.NOT_DECODABLE, "the zip or tar file is damaged, and members of it cannot be found"),
    TOO_MANY: (Reason.TOO_LARGE, "the zip or tar file has more members than the limit; unpack it"),
    GROWS: (Reason.TOO_LARGE, f"the tar file inside gzip grows more than {MOST_GROWTH} times when inflated"),
}
_HEADER = struct.Struct("<4s22xHH")
_SLACK = 1024
"""Bytes by which a member may be larger packed than not, beside one in a hundred."""

_STREAMS = 4
"""Inflated streams that a process goes on with: some 6 MB each."""

Read: TypeAlias = Callable[[int, int], bytes]


def read_member(root: Location, packed: str, *, size: int, token: str, count: int | None = None) -> bytes:
    """Read one member of a zip or tar file.

    Parameters
    ----------
    root, packed
        The archive, and the zip or tar file below it.
    size
        Bytes of the member after unpacking.
    token
        See `echoprime.storage.packed_path`.
    count
        Only the first so many bytes; a CRC is not compared then.

    Raises
    ------
    ReadError
        MISSING, CHANGED, SHORT_READ, THROTTLED, READ_ERROR.
    UnreadableVideo
        NOT_DECODABLE: damaged. UNSUPPORTED: encrypted, or packed in a way that is not read. TOO_LARGE: it
        would grow more than `MOST_GROWTH` times.
    """
    place = read_place(token)
    wanted = size if count is None else min(size, count)

    def read(begin: int, end: int) -> bytes:
        return fetch_range(root, packed, begin, end, place.version)

    if place.kind == "bad":
        if place.why not in _BAD:
            raise ReadError(Reason.READ_ERROR, "the zip or tar file could not be read when it was listed")
        raise UnreadableVideo(*_BAD[place.why])
    if wanted == 0 or place.kind == "tgz":
        read(0, 1)  # that it is still the file that was listed is told by what is read of it
    if place.kind == "tar":
        return read(place.offset, place.offset + wanted)
    if place.kind == "tgz":
        stream = gzip_stream(root, packed, place.version, place.length)
        data = stream.read(place.offset, place.offset + wanted)
        if len(data) < wanted:
            raise UnreadableVideo(Reason.NOT_DECODABLE, "the tar file ends within this member")
        return data
    return _read_zip(read, place, size, wanted)


@functools.lru_cache(maxsize=_STREAMS)
def gzip_stream(root: Location, packed: str, version: str, length: int) -> GzipStream:
    """A gzip file's inflated stream; the last few are kept, so that its members are inflated once in a row.

    Parameters
    ----------
    root, packed, version
        The archive, the file below it, and its token.
    length
        Its bytes.
    """
    return GzipStream(
        lambda begin, end: fetch_range(root, packed, begin, end, version),
        length,
        most_growth=MOST_GROWTH,
        free_growth=FREE_GROWTH,
    )


def _read_zip(read: Read, place: Place, size: int, wanted: int) -> bytes:
    _require_sane(place, size)
    # deflate grows nothing by more than a few bytes in 16,384, so this holds `wanted` of them inflated
    packed = min(place.packed, wanted + wanted // 100 + _SLACK)
    begin = place.offset + _HEADER.size
    mark, name, extra = b"", 0, 0
    if begin <= place.length:
        mark, name, extra = _HEADER.unpack(read(place.offset, begin))
    begin += name + extra
    if mark != b"PK\x03\x04" or begin + packed > place.length:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the zip file has no member where its directory says so")
    data = read(begin, begin + packed)
    if place.method == 8:
        data = _inflate(data, wanted)
    data = data[:wanted]
    if len(data) < wanted or (wanted == size and zlib.crc32(data) != place.crc):
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the zip file's member is damaged (length or CRC)")
    return data


def _require_sane(place: Place, size: int) -> None:
    """Before any byte is asked for."""
    if place.method == ENCRYPTED:
        raise UnreadableVideo(Reason.UNSUPPORTED, "encrypted in its zip file; unpack it with its password")
    if place.method not in (0, 8):
        message = f"packed by zip's method {place.method}, which is not read; pack it again with deflate"
        raise UnreadableVideo(Reason.UNSUPPORTED, message)
    if size > FREE_GROWTH and size > MOST_GROWTH * place.packed:
        message = f"would grow from {place.packed:,} to {size:,} bytes when it is unpacked"
        raise UnreadableVideo(Reason.TOO_LARGE, message)
    stored_otherwise = place.method == 0 and place.packed != size
    if stored_otherwise or place.packed > size + size // 100 + _SLACK:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the zip file's sizes of the member do not fit together")


def _inflate(data: bytes, wanted: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflater.decompress(data, wanted + 1)
    except zlib.error:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the zip file's member is damaged (deflate)") from None
