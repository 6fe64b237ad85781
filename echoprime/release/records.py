"""Sizes and hashes of a release's files as they were first seen, and whether what is there is still that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from echoprime.bundle.cache import file_sha256
from echoprime.errors import BundleError
from echoprime.storage.local_files import write_whole

RECORD = "fetched.json"
FORMAT = 1


@dataclass(frozen=True)
class Seen:
    """A file as it was first seen: size in bytes, SHA-256, where it came from, and on which day."""

    size: int
    sha256: str
    source: str
    day: str


class Record:
    """`fetched.json` of a release folder.

    Parameters
    ----------
    folder
        The release folder.

    Raises
    ------
    BundleError
        It is damaged, or of another format.
    """

    def __init__(self, folder: Path) -> None:
        self.place = folder / RECORD
        self._folder = folder
        try:
            content: dict[str, Any] = json.loads(self.place.read_bytes())
            if content["format"] != FORMAT:
                raise BundleError(f"{self.place}: format {content['format']!r}, this version reads {FORMAT}")
            self.files = {path: Seen(**entry) for path, entry in content["files"].items()}
        except FileNotFoundError:
            self.files = {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(
                f"{self.place}: damaged; remove it, and what is fetched counts as seen for the first time"
            ) from error

    def holds(self, path: str) -> bool:
        """Whether the file is there, and is the one that was recorded."""
        place, seen = self._folder / path, self.files.get(path)
        if seen is None or not place.is_file() or place.stat().st_size != seen.size:
            return False
        return file_sha256(place) == seen.sha256

    def take(self, path: str, source: str) -> bool:
        """Record a file that has come, or compare it with what was recorded; whether it is new to us.

        Parameters
        ----------
        path
            Relative to the folder.
        source
            Where it came from.

        Raises
        ------
        BundleError
            It is another one than was recorded; it is removed.
        """
        place = self._folder / path
        size, sha256 = place.stat().st_size, file_sha256(place)
        seen = self.files.get(path)
        if seen is not None:
            if (seen.size, seen.sha256) != (size, sha256):
                place.unlink()
                raise BundleError(
                    f"{place.name}: not the file that was recorded on {seen.day} (SHA-256 {sha256[:12]}..., "
                    f"was {seen.sha256[:12]}...): the source has changed, or a mirror is another one; remove "
                    f"{RECORD} if that is meant"
                )
            return False
        self.files[path] = Seen(size, sha256, source, f"{datetime.now(UTC):%Y-%m-%d}")
        files = {name: vars(entry) for name, entry in sorted(self.files.items())}
        write_whole(self.place, json.dumps({"format": FORMAT, "files": files}, indent=1).encode())
        return True
