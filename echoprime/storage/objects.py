"""Whole objects, read once and checked: what a video's bytes go through on their way to the decoder."""

from __future__ import annotations

from echoprime.storage.fetching import fetch_range, fetch_whole
from echoprime.storage.location import Location
from echoprime.storage.packed_path import split_member
from echoprime.storage.packed_reading import read_member
from echoprime.storage.patience import patient


@patient
def read_object(root: Location, path: str, *, size: int, token: str, most: int | None = None) -> bytes:
    """Read one object of an archive whole, and only if it is still the one that was listed.

    Parameters
    ----------
    root
        The archive.
    path
        Below it, with "/", as in the manifest; `study.zip!/IM0001` is a member of a zip or tar file.
    size
        Bytes that the manifest has for it; of a member after unpacking; `UNTOLD` of a DICOMweb service's.
    token
        ETag (bucket) or modification time in nanoseconds (folder) that the manifest has; "" is not compared.
        A member's says too where it lies, see `echoprime.storage.packed_path`, and cannot be left out. What
        it is for a DICOMweb service: `echoprime.storage.dicomweb_reading`.
    most
        Bytes at which an object whose size is not known is given up; None = 1 GiB.

    Returns
    -------
    bytes
        Exactly `size` of them, where it is known.

    Raises
    ------
    ReadError
        MISSING, CHANGED at once; SHORT_READ, THROTTLED, READ_ERROR after all retries.
    UnreadableVideo
        A member that cannot be unpacked: NOT_DECODABLE, UNSUPPORTED, TOO_LARGE. An object of unknown size:
        TOO_LARGE.
    """
    member = split_member(path)
    if member is not None:
        return read_member(root, member[0], size=size, token=token)
    return fetch_whole(root, path, size=size, token=token, most=most)


@patient
def read_beginning(root: Location, path: str, *, size: int, token: str, count: int) -> bytes:
    """Read an object's first bytes.

    Parameters
    ----------
    root, path, size, token
        As for `read_object`.
    count
        So many, or all that there are.

    Raises
    ------
    ReadError, UnreadableVideo
        As `read_object`.
    """
    member = split_member(path)
    if member is not None:
        return read_member(root, member[0], size=size, token=token, count=count)
    return fetch_range(root, path, 0, min(count, size), token)


@patient
def read_range(root: Location, path: str, begin: int, end: int, token: str) -> bytes:
    """Read bytes `begin` to `end` of an object, no member, which has at least `end`.

    Raises
    ------
    ReadError
        As `read_object`.
    """
    return fetch_range(root, path, begin, end, token)
