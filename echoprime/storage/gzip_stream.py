"""Any part of a gzip file's content, without inflating all of it each time.

Gzip can be read from its beginning only. Copies of the inflater, kept on the way, let later reads start in
the middle; reads in order inflate everything once.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from echoprime.errors import Reason, UnreadableVideo

PIECE = 4 * 1024 * 1024
"""Bytes of the file that are read at a time."""

STEP = 1024 * 1024
"""Bytes that are inflated at a time where they are only passed over."""

SPACING = 16 * 1024 * 1024
"""Inflated bytes from one kept inflater to the next, at first: 0.1 s of work."""

MOST_POINTS = 128
"""Inflaters that are kept, of some 45 KB each; where there would be more, every second is dropped."""


@dataclass
class _Point:
    """A place from which inflating can go on.

    Attributes
    ----------
    out, into
        Bytes of the content before it, bytes of the file that were taken.
    inflater
        As it was there; never used itself, only its copies.
    """

    out: int
    into: int
    inflater: Any


class GzipStream:
    """A gzip file's content; safe in threads.

    Parameters
    ----------
    read
        Bytes `begin` to `end` of the file.
    length
        The file's bytes.
    most_growth, free_growth
        Content above `free_growth` bytes and `most_growth` times what was taken of the file is refused.

    Examples
    --------
    >>> import gzip
    >>> packed = gzip.compress(bytes(range(256)) * 100)
    >>> stream = GzipStream(lambda begin, end: packed[begin:end], len(packed))
    >>> list(stream.read(25_500, 25_503)), list(stream.read(1, 3)), stream.read(25_599, 30_000)
    ([156, 157, 158], [1, 2], b'\\xff')
    """

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        length: int,
        *,
        most_growth: int = 200,
        free_growth: int = 64 * 1024 * 1024,
    ) -> None:
        self._read, self._length = read, length
        self._most_growth, self._free_growth = most_growth, free_growth
        self._lock = threading.Lock()
        self._spacing = SPACING
        self._points = [_Point(0, 0, zlib.decompressobj(wbits=31))]
        self._start(self._points[0])

    def read(self, begin: int, end: int) -> bytes:
        """Bytes `begin` to `end` of the content; fewer where it ends, or before damage.

        Raises
        ------
        UnreadableVideo
            NOT_DECODABLE: damaged or cut off already where it begins. TOO_LARGE: it grows too much.
        """
        with self._lock:
            try:
                return self._read_on(begin, end)
            except BaseException:
                # half a step may have been taken
                self._start(self._points[0])
                raise

    def _read_on(self, begin: int, end: int) -> bytes:
        near = max((point for point in self._points if point.out <= begin), key=lambda point: point.out)
        if self._out > begin or near.out > self._out:
            self._start(near)
        while self._out < begin:
            if not self._step(min(STEP, begin - self._out)):
                return b""
        parts: list[bytes] = []
        while self._out < end:
            try:
                part = self._step(min(STEP, end - self._out))
            except UnreadableVideo as error:
                if not parts or error.reason is Reason.TOO_LARGE:
                    raise
                self._start(self._points[0])
                break
            if not part:
                break
            parts.append(part)
        return b"".join(parts)

    def _start(self, point: _Point) -> None:
        self._out, self._into, self._inflater = point.out, point.into, point.inflater.copy()
        self._held = b""

    def _step(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        while True:
            if self._inflater.eof and not self._next_stream():
                return b""
            try:
                data: bytes = self._inflater.decompress(self._held, most)
            except zlib.error:
                raise UnreadableVideo(Reason.NOT_DECODABLE, "the gzip file is damaged") from None
            self._held = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if data:
                self._passed(len(data))
                return data
            if not self._inflater.eof and not self._held and not self._fetch():
                raise UnreadableVideo(Reason.NOT_DECODABLE, "the gzip file is cut off")

    def _next_stream(self) -> bool:
        """Whether another gzip stream follows the one that ended; what else follows is no content."""
        if len(self._held) < 2:
            self._fetch()
        if self._held[:2] != b"\x1f\x8b":
            return False
        self._inflater = zlib.decompressobj(wbits=31)
        return True

    def _fetch(self) -> bool:
        if self._into >= self._length:
            return False
        piece = self._read(self._into, min(self._into + PIECE, self._length))
        self._into += len(piece)
        self._held += piece
        return bool(piece)

    def _passed(self, count: int) -> None:
        self._out += count
        taken = self._into - len(self._held)
        if self._out > self._free_growth and self._out > self._most_growth * taken:
            message = f"a gzip file grows from {taken:,} to more than {self._out:,} bytes"
            raise UnreadableVideo(Reason.TOO_LARGE, message)
        if self._out - self._points[-1].out >= self._spacing and not self._inflater.eof:
            self._points.append(_Point(self._out, taken, self._inflater.copy()))
            if len(self._points) > MOST_POINTS:
                self._points = self._points[::2]
                self._spacing *= 2
