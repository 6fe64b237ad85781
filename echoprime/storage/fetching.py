"""One try at an object's bytes, whole or a range, and only if it is still the one that was listed."""

from __future__ import annotations

import os
from pathlib import Path

from echoprime.errors import ReadError, Reason
from echoprime.storage import s3_reading
from echoprime.storage.inside import leads_out
from echoprime.storage.location import Location

UNTOLD = 0
"""The size of an object whose store does not tell it: of every instance of a DICOMweb service."""


def fetch_whole(root: Location, path: str, *, size: int, token: str, most: int | None = None) -> bytes:
    """All `size` bytes of an object; of a DICOMweb service's, whose size is not known, all that it has.

    Raises
    ------
    ReadError
        MISSING, CHANGED, SHORT_READ, THROTTLED, READ_ERROR.
    UnreadableVideo
        TOO_LARGE: more than `most` bytes arrive of an object whose size is not known.
    """
    _require_inside(path)
    if root.is_dicomweb:
        from echoprime.storage.dicomweb_reading import MOST, fetch_instance

        return fetch_instance(root.uri, path, token, MOST if most is None else most)
    if root.is_local:
        data = _read_local(Path(root.uri) / path, 0, size, size, token)
    else:
        data = s3_reading.fetch(root.bucket, _key(root, path), size=size, token=token)
    if len(data) != size:
        raise ReadError(Reason.SHORT_READ, f"{len(data)} of {size} bytes arrived")
    return data


def fetch_range(root: Location, path: str, begin: int, end: int, token: str) -> bytes:
    """Bytes `begin` to `end` of an object, which has at least `end`.

    Raises
    ------
    ReadError
        As `fetch_whole`.
    """
    if end <= begin:
        return b""
    _require_inside(path)
    if root.is_dicomweb:  # WADO-RS has no ranges
        data = fetch_whole(root, path, size=UNTOLD, token=token)[begin:end]
    elif root.is_local:
        data = _read_local(Path(root.uri) / path, begin, end - begin, None, token)
    else:
        data = s3_reading.fetch(root.bucket, _key(root, path), (begin, end), token=token)
    if len(data) != end - begin:
        raise ReadError(Reason.SHORT_READ, f"{len(data)} of {end - begin} bytes arrived")
    return data


def _require_inside(path: str) -> None:
    """Plans refuse such a path already; nothing that reads asks twice where it came from."""
    if leads_out(path):
        raise ReadError(Reason.MISSING, "its path leads out of the archive; make the manifest again")


def _read_local(path: Path, begin: int, count: int, size: int | None, token: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            s3_reading.require_same(found.st_size, str(found.st_mtime_ns), size, token)
            file.seek(begin)
            return file.read(count)
    except (FileNotFoundError, NotADirectoryError):
        raise s3_reading.missing() from None
    except OSError as error:
        raise ReadError(Reason.READ_ERROR, f"the file system refused: {error.strerror}") from None


def _key(root: Location, path: str) -> str:
    return f"{root.key}/{path}" if root.key else path
