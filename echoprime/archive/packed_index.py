"""What a zip or tar file holds: its members as entries of the archive, without unpacking any.

A zip file's directory stands at its end; a tar file's headers stand between its members, so that one is read
for each of them; a tar file inside gzip is inflated once.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from echoprime.archive.endings import left_out_as
from echoprime.archive.entries import Entry
from echoprime.archive.window import TooMuch, Window
from echoprime.errors import ArchiveError, ReadError, Reason, UnreadableVideo
from echoprime.storage import Location, read_range
from echoprime.storage.packed_path import (
    ENCRYPTED,
    WHOLE,
    Place,
    clean_name,
    is_packed,
    member_path,
)
from echoprime.storage.packed_reading import DAMAGED, GROWS, TOO_MANY, UNREAD, gzip_stream
from echoprime.storage.patience import patient

MOST_MEMBERS = 200_000
"""Of one zip or tar file; they are in memory together, 300 bytes each."""

MOST_DIRECTORY = 32 * 1024 * 1024
"""Bytes of a zip file's directory, and of one header of a tar file."""

MOST_SIZE = 1 << 62
"""No member is larger, whatever its header says."""

NESTED = "zip or tar file within another"
NO_FILE = "not a file"
NO_NAME = "name not in UTF-8, or too long"
AGAIN = "name that comes again in its zip or tar file"


@dataclass(frozen=True)
class PackedIndex:
    """What was found in one zip or tar file.

    Attributes
    ----------
    members
        Sorted by path. The last one stands for the file itself where something of it cannot be read.
    left_out
        Members that are not among them, by cause.
    whole
        Whether all of it could be read.
    """

    members: list[Entry]
    left_out: Counter[str]
    whole: bool


def index_packed(root: Location, entry: Entry) -> PackedIndex:
    """List the members of a zip or tar file that may be videos.

    Of members of one name the last counts, as in unpacking. A file that is damaged, or has too many members,
    has one more: it ends as a failed video that says so, in the table, and not in a silence.

    Parameters
    ----------
    root
        The archive.
    entry
        The zip or tar file as it was listed.

    Raises
    ------
    ArchiveError
        The store does not answer.
    """
    found: dict[str, tuple[int, Place]] = {}
    left_out: Counter[str] = Counter()
    why = None
    zipped = entry.path.lower().endswith(".zip")
    try:
        for given, size, place in (_zip if zipped else _tar)(root, entry):
            cause, name = _cause(given, place)
            if cause is None and place is not None:
                left_out[AGAIN] += name in found
                found[name] = (size, place)
            else:
                left_out[cause or NO_FILE] += 1
            if len(found) + left_out.total() > MOST_MEMBERS:
                why, found = TOO_MANY, {}
                break
    except TooMuch:  # only a directory grows with the members
        why = TOO_MANY if zipped else DAMAGED
    except ReadError as error:
        why = _unread(root, error)
    except UnreadableVideo as error:
        why = GROWS if error.reason is Reason.TOO_LARGE else DAMAGED
    except Exception:  # zipfile and tarfile raise a dozen types for what is damaged
        why = DAMAGED
    entries = [
        Entry(member_path(entry.path, name), size, place.token())
        for name, (size, place) in sorted(found.items())
    ]
    if why is not None:
        bad = Place(entry.token, "bad", why=why)
        entries.append(Entry(member_path(entry.path, WHOLE), entry.size, bad.token()))
    return PackedIndex(entries, +left_out, why is None)


def _unread(root: Location, error: ReadError) -> str:
    """A file that is gone or may not be read is a failed video; a store that does not answer ends all."""
    if root.is_local or error.lasts:
        return UNREAD
    raise ArchiveError(f"archive {root}: a zip or tar file cannot be read ({error.message})") from None


def _cause(name: str, place: Place | None) -> tuple[str | None, str]:
    """Why a member is no entry, or None, and its name."""
    clean = clean_name(name)
    if clean is None:
        return NO_NAME, ""
    if place is None:
        return NO_FILE, clean
    if is_packed(clean):
        return NESTED, clean
    return left_out_as(clean), clean


def _zip(root: Location, entry: Entry) -> Iterator[tuple[str, int, Place | None]]:
    """Name, size and place of every member; the place is None for what is no file."""
    window = _Directory(
        lambda begin, end: read_range(root, entry.path, begin, end, entry.token), entry.size, MOST_DIRECTORY
    )
    members = zipfile.ZipFile(window).infolist()
    # members that lie over one another are a bomb's: each of them would be inflated
    if sum(member.compress_size for member in members) > entry.size:
        raise zipfile.BadZipFile
    for member in members:
        if member.filename.endswith("/"):
            continue
        end = member.header_offset + member.compress_size
        if not 0 <= member.file_size < MOST_SIZE or not 0 <= member.header_offset <= end <= entry.size:
            raise zipfile.BadZipFile
        place = Place(
            entry.token,
            "zip",
            offset=member.header_offset,
            length=entry.size,
            packed=member.compress_size,
            method=ENCRYPTED if member.flag_bits & 1 else member.compress_type,
            crc=member.CRC,
        )
        link = stat.S_ISLNK(member.external_attr >> 16)
        yield member.filename, member.file_size, None if link else place


class _Directory(Window):
    """Of a zip file: refused before zipfile makes an object of 600 bytes for each of too many members."""

    def read(self, count: int = -1) -> bytes:
        data = super().read(count)
        if data.count(b"PK\x01\x02") > MOST_MEMBERS:
            raise TooMuch
        return data


def _tar(root: Location, entry: Entry) -> Iterator[tuple[str, int, Place | None]]:
    """As `_zip`."""
    pattern = Place(entry.token, "tar")
    length: int | None = entry.size
    read = lambda begin, end: read_range(root, entry.path, begin, end, entry.token)  # noqa: E731
    if not entry.path.lower().endswith(".tar"):
        pattern = Place(entry.token, "tgz", length=entry.size)
        length = None
        read = patient(gzip_stream(root, entry.path, entry.token, entry.size).read)
    window = Window(read, length, MOST_DIRECTORY)
    with tarfile.open(fileobj=window, mode="r:") as tar:  # type: ignore[call-overload]  # reads and seeks: enough
        end = -1
        while (member := tar.next()) is not None:
            tar.members.clear()  # tarfile keeps all
            # sizes below 0 lead back: tarfile would go in circles
            if tar.offset <= end or not 0 <= member.size < MOST_SIZE:
                raise tarfile.ReadError
            end = tar.offset
            if member.isdir():
                continue
            if length is not None and member.offset_data + member.size > length:
                raise tarfile.ReadError
            plain = member.isreg() and not member.issparse()
            yield member.name, member.size, replace(pattern, offset=member.offset_data) if plain else None
        # tarfile takes a header that it cannot read for the end
        window.seek(max(tar.offset, 0))
        if window.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError
