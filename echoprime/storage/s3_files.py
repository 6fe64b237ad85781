"""An object in a bucket as a file to read and seek in: every read is checked and tried again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from echoprime.errors import DeniedError, ReadError, Reason
from echoprime.storage import s3, s3_reading
from echoprime.storage.patience import patient

BUFFER = 1 << 20
"""Bytes of a sequential read: a request costs some 20 ms whatever its length."""


@patient
def read(  # nosec B107  # the token is an ETag
    bucket: str, key: str, part: tuple[int, int] | None = None, token: str = ""
) -> bytes:
    """Read an object, or bytes `part[0]` to `part[1]` of it, with patience.

    Raises
    ------
    ReadError
        As `echoprime.storage.s3_reading.fetch`.
    """
    return s3_reading.fetch(bucket, key, part, token=token)


@patient
def describe(bucket: str, key: str) -> tuple[int, str]:
    """Bytes and ETag of an object.

    Raises
    ------
    ReadError
        MISSING, THROTTLED, READ_ERROR.
    """
    return s3_reading.describe(bucket, key)


class ObjectFile(io.RawIOBase):
    """Reads exactly what it is asked for, and only from the version of the object that it was opened on.

    Parameters
    ----------
    path
        "bucket/key".

    Raises
    ------
    FileNotFoundError
        There is no such object.
    OSError
        Here and on reading: the store does not answer, or the object was written again meanwhile.
    """

    def __init__(self, path: str) -> None:
        self._bucket, _, self._key = path.partition("/")
        self._at = 0
        try:
            self._size, self._token = describe(self._bucket, self._key)
        except ReadError as error:
            raise os_error(error) from None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # whatever takes bytes
        """Fill the buffer, or as much of it as there is."""
        view = memoryview(buffer).cast("B")
        data = self._next(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """The rest, in one request: the base class asks for it in small pieces."""
        return self._next(self._size - self._at)

    def _next(self, count: int) -> bytes:
        end = min(self._at + count, self._size)
        if end <= self._at:
            return b""
        # all of it without a range: a checksum or the ETag vouches for it then
        part = None if (self._at, end) == (0, self._size) else (self._at, end)
        try:
            data = read(self._bucket, self._key, part, self._token)
        except ReadError as error:
            raise os_error(error) from None
        self._at = end
        return data


@contextmanager
def writing(path: str) -> Iterator[IO[bytes]]:
    """Open "bucket/key" to write all of it: where the block fails, no object comes of its parts."""
    file = s3.filesystem().open(path, "wb", autocommit=False)
    try:
        yield file
        file.close()
    except BaseException:
        file.discard()
        file.closed = True  # closing it later would send what is left
        raise
    file.commit()


def os_error(error: ReadError) -> OSError:
    """As a file system says it."""
    if error.reason is Reason.MISSING:
        return FileNotFoundError(error.message)
    return (PermissionError if isinstance(error, DeniedError) else OSError)(error.message)


def arrow_filesystem() -> Any:  # noqa: ANN401  # pyarrow has no types
    """For pyarrow: listing and writing through s3fs, reading through `ObjectFile`."""
    import pyarrow as pa
    import pyarrow.fs

    class Handler(pyarrow.fs.FSSpecHandler):  # type: ignore[misc]  # pyarrow has no types
        def open_input_file(self, path: str) -> pa.PythonFile:
            return pa.PythonFile(ObjectFile(path), mode="r")

        open_input_stream = open_input_file

    return pyarrow.fs.PyFileSystem(Handler(s3.filesystem()))
