"""A file to read and seek in, over a function that reads ranges: what zipfile and tarfile ask for."""

from __future__ import annotations

import io
from collections.abc import Callable

BLOCK = 64 * 1024
"""Bytes that are read at least: headers lie close together, and a bucket answers once for several."""


class TooMuch(Exception):  # noqa: N818  # no error of anyone's: a damaged or hostile file asks for it
    """More was asked for than a header or a directory has."""


class Window:
    """Reads and seeks; keeps one block.

    Parameters
    ----------
    fetch
        Bytes `begin` to `end`; fewer where the content ends, if its length is not known.
    length
        Bytes of the content; None = not known.
    most
        Bytes that one read may ask for: what a file says of itself takes no memory before it is looked at.

    Examples
    --------
    >>> window = Window(lambda begin, end: b"0123456789"[begin:end], 10, 4)
    >>> window.seek(-3, 2), window.read(2), window.tell()
    (7, b'78', 9)
    """

    def __init__(self, fetch: Callable[[int, int], bytes], length: int | None, most: int) -> None:
        self._fetch, self._length, self._most = fetch, length, most
        self._at = 0
        self._block, self._begin = b"", 0

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place.

        Raises
        ------
        OSError
            Before the beginning, or from the end of what has no known one.
        """
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            if self._length is None:
                raise OSError("the end is not known")
            offset += self._length
        if offset < 0:
            raise OSError("before the beginning")
        self._at = offset
        return offset

    def read(self, count: int = -1) -> bytes:
        """The next bytes; fewer where the content ends.

        Raises
        ------
        TooMuch
            More than `most`, or all of what has no known end.
        """
        if count is None or count < 0:
            if self._length is None:
                raise TooMuch
            count = max(self._length - self._at, 0)
        if count > self._most:
            raise TooMuch
        end = self._at + count
        if self._length is not None:
            end = min(end, self._length)
        if end <= self._at:
            return b""
        known = self._begin + len(self._block)
        if not self._begin <= self._at <= end <= known:
            # what is known is not fetched again: in gzip it lies behind
            kept = self._block[self._at - self._begin :] if self._begin <= self._at < known else b""
            begin = self._at + len(kept)
            ahead = max(end, begin + BLOCK)
            if self._length is not None:
                ahead = min(ahead, self._length)
            self._block, self._begin = kept + self._fetch(begin, ahead), self._at
        first = self._at - self._begin
        data = self._block[first : first + end - self._at]
        self._at += len(data)
        return data
