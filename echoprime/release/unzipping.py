"""The release's zip file, unpacked: nothing outside the folder, nothing without a bound, nothing half."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from echoprime.errors import BundleError
from echoprime.release.room import require_room
from echoprime.release.steps import Told, untold
from echoprime.storage import leads_out
from echoprime.storage.local_files import writing

TOP = "model_data"
FOLDERS = ("weights", "candidates_data")
"""What of the zip is unpacked: these folders, with or without `model_data/` above them."""

MEMBERS = 10_000
UNPACKED = 64 << 30
"""Bytes in all."""
RATIO, SMALL = 200, 64 << 20
"""A member that grows more than this many times, and above so many bytes, is a bomb."""
PIECE = 1 << 20


def unzip_release(
    archive: Path, folder: Path, *, keep: frozenset[str] = frozenset(), told: Told = untold
) -> int:
    """Unpack weights and candidates into `folder/model_data`; what is there already is left.

    Parameters
    ----------
    archive
        `model_data.zip`.
    folder
        The release folder.
    keep
        Paths below it that are never written: files that are fetched on their own.
    told
        Hears of the bytes.

    Returns
    -------
    int
        Files of the zip that are now there.

    Raises
    ------
    BundleError
        It is damaged or no zip, has no such folders, or a member leads out of the folder, is a link,
        encrypted, stands in it twice, or would fill the disk.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {path: each for path, each in _members(opened, archive.name) if path not in keep}
            missing = [path for path, each in members.items() if not _is_there(folder / path, each)]
            total = sum(members[path].file_size for path in missing)
            require_room(folder, total, f"unpacking {archive.name}")
            done = 0
            for path in missing:
                done = _unpack(opened, members[path], folder / path, done, total, told)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BundleError(
            f"{archive.name}: no zip file, or a damaged one ({type(error).__name__}); remove it and fetch "
            "again"
        ) from error
    return len(members)


def _members(opened: zipfile.ZipFile, name: str) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """(path below the release folder, member) of every file that is wanted, each checked."""
    entries = opened.infolist()
    if len(entries) > MEMBERS or sum(each.file_size for each in entries) > UNPACKED:
        raise BundleError(
            f"{name}: {len(entries):,} members, or more than {UNPACKED >> 30} GB unpacked; refused"
        )
    seen = set()
    for each in entries:
        given = each.filename.removeprefix("./")
        if leads_out(given) or "\\" in given:
            raise BundleError(f"{name}: the member {given[:80]!r} leads out of the folder; refused")
        parts = given.removeprefix(f"{TOP}/").split("/")
        if each.is_dir() or parts[0] not in FOLDERS or parts[-1].startswith("."):
            continue
        if stat.S_ISLNK(each.external_attr >> 16) or each.flag_bits & 1:
            raise BundleError(f"{name}: {parts[-1]} is a link or encrypted; refused")
        if each.file_size > max(SMALL, RATIO * each.compress_size):
            raise BundleError(f"{name}: {parts[-1]} would grow more than {RATIO} times; refused")
        path = "/".join([TOP, *parts])
        if path in seen:
            raise BundleError(f"{name}: {parts[-1]} stands in it twice; refused")
        seen.add(path)
        yield path, each
    if not seen:
        raise BundleError(f"{name}: no {' or '.join(FOLDERS)} in it; it is not the release's")


def _is_there(place: Path, member: zipfile.ZipInfo) -> bool:
    if not place.is_file() or place.stat().st_size != member.file_size:
        return False
    found = 0
    with place.open("rb") as file:
        while piece := file.read(PIECE):
            found = zlib.crc32(piece, found)
    return found == member.CRC


def _unpack(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path, done: int, total: int, told: Told
) -> int:
    """One member, whole or not at all; its checksum is compared by the reader at its end."""
    with opened.open(member) as source, writing(place) as target:
        while piece := source.read(PIECE):
            target.write(piece)
            done += len(piece)
            told("unpacking", done, total)
    return done
