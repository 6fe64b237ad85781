"""The official release into a folder: brought, compared with what was recorded of it, unpacked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

import requests

from echoprime.errors import BundleError, SettingError
from echoprime.release.answers import NotThereError
from echoprime.release.downloading import Download
from echoprime.release.official import ARCHIVE, FILES, ReleaseFile
from echoprime.release.records import Record
from echoprime.release.room import require_room
from echoprime.release.steps import Told, untold
from echoprime.release.unzipping import unzip_release
from echoprime.storage import Location
from echoprime.storage.folder_lock import locked_folder
from echoprime.storage.local_files import remove_unfinished, writing

Result = TypeVar("Result")

PIECE = 1 << 20
"""Bytes of a mirror's file that are copied at once."""

GROWN = 2
"""How many times its size the zip takes when it is unpacked, reckoned high."""


@dataclass(frozen=True)
class Fetched:
    """What came of a fetch.

    Attributes
    ----------
    files, size
        Files of the release, and their bytes before unpacking.
    brought
        Files that were not there before.
    first_seen
        Files of which nothing was recorded before.
    record
        Where sizes and hashes are.
    """

    files: int
    size: int
    brought: int
    first_seen: int
    record: Path


def fetch_release(folder: Path, *, mirror: str | None = None, told: Told = untold) -> Fetched:
    """Bring what is missing of the official release, and unpack it.

    Parameters
    ----------
    folder
        Gets the release as `import_release` reads it, the zip file, and `fetched.json`.
    mirror
        Where the eight files lie instead, side by side or as in a release folder: an http(s) address, a
        folder, an `s3://` prefix.
    told
        Hears of the bytes.

    Raises
    ------
    BundleError
        A file cannot be had, is not the one that was recorded, or there is no room.
    SettingError
        The mirror is no address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder) as mine:
        if not mine:
            raise BundleError(f"{folder}: another fetch writes to it at this moment; wait for that one")
        remove_unfinished(folder)
        return _fetch(folder, mirror, told)


def _fetch(folder: Path, mirror: str | None, told: Told) -> Fetched:
    record = Record(folder)
    first_seen, missing = 0, []
    for each in FILES:
        told("comparing", 0, 0)
        if record.holds(each.path):
            continue
        if each.path not in record.files and (folder / each.path).is_file():
            first_seen += record.take(each.path, "found in the folder")
        else:
            missing.append(each)
    if missing:
        with requests.Session() as session:
            source = _Source(folder, mirror, record, session, told)
            source.require_room(missing)
            for each in missing:
                source.bring(each)
                first_seen += record.take(each.path, source.name)
    unzip_release(folder / ARCHIVE, folder, keep=frozenset(each.path for each in FILES), told=told)
    size = sum(record.files[each.path].size for each in FILES)
    return Fetched(len(FILES), size, len(missing), first_seen, record.place)


class _Source:
    """Where files come from: the published addresses, a mirror's, or a folder."""

    def __init__(
        self, folder: Path, mirror: str | None, record: Record, session: requests.Session, told: Told
    ) -> None:
        self._folder, self._record, self._session, self._told = folder, record, session, told
        self._base: str | None = None
        self._place: Location | None = None
        if mirror is None:
            self.name = "the published addresses"
        elif re.match(r"https?://", mirror, re.IGNORECASE):
            found = _address(mirror)
            self._base = mirror.rstrip("/")
            self.name = f"{found.scheme}://{found.hostname}{found.path}"  # never a password
        else:
            self._place = Location.parse(mirror)
            self._place.require_reachable("mirror", BundleError, must_exist=True)
            self.name = str(self._place)

    def require_room(self, missing: list[ReleaseFile]) -> None:
        """Refuse a disk that cannot take downloads, what is in the zip, and the bundle."""
        sizes = {each: self._length(each) for each in missing}
        left = sum(max(0, size - self._download(each).brought()) for each, size in sizes.items())
        packed = next((size for each, size in sizes.items() if each.path == ARCHIVE), 0)
        whole = sum(sizes.values())
        needed = left + GROWN * packed + whole + (GROWN - 1) * packed
        require_room(self._folder, needed, f"the release ({whole / 1e9:.2f} GB), unpacked and imported,")

    def bring(self, each: ReleaseFile) -> None:
        """Bring one file to its place."""
        if self._place is not None:
            self._copy(self._found(each), each)
        else:
            self._from_first(each, Download.run)

    def _from_first(self, each: ReleaseFile, ask: Callable[[Download], Result]) -> Result:
        """What the first of a file's addresses answers that has it."""
        urls = self._urls(each)
        for url in urls[:-1]:
            try:
                return ask(self._download(each, url))
            except NotThereError as error:
                if error.status not in (404, 410):
                    raise
        return ask(self._download(each, urls[-1]))

    def _urls(self, each: ReleaseFile) -> list[str]:
        if self._base is None:
            return [each.url]
        return list(dict.fromkeys(f"{self._base}/{path}" for path in (each.beside, each.path)))

    def _download(self, each: ReleaseFile, url: str = "") -> Download:
        seen = self._record.files.get(each.path)
        return Download(
            self._session,
            url,
            self._folder / each.path,
            size=seen.size if seen else None,
            told=self._told,
        )

    def _length(self, each: ReleaseFile) -> int:
        """Bytes of a file; 0 where its server does not say."""
        if self._place is not None:
            return _size(self._found(each))
        return self._from_first(each, Download.length) or 0

    def _found(self, each: ReleaseFile) -> Location:
        assert self._place is not None
        for path in (each.beside, each.path):
            if (self._place / path).exists():
                return self._place / path
        raise BundleError(f"{each.name}: not in the mirror {self._place}; copy it there")

    def _copy(self, source: Location, each: ReleaseFile) -> None:
        total, done = _size(source), 0
        with source.open("rb") as stream, writing(self._folder / each.path) as target:
            while piece := stream.read(PIECE):
                target.write(piece)
                done += len(piece)
                self._told(each.name, done, total)
            if done != total:
                raise BundleError(
                    f"{each.name}: {done:,} of {total:,} bytes came from the mirror; copy it again"
                )


def _address(mirror: str) -> SplitResult:
    try:
        found = urlsplit(mirror)
        _ = found.port
    except ValueError:
        raise SettingError("--mirror: no address, or a port that is none; give https://host/path") from None
    if not found.hostname or found.query or found.fragment:
        raise SettingError("--mirror: give https://host/path, without anything after the path")
    return found


def _size(place: Location) -> int:
    return int(place.filesystem.size(place.path))
