"""One bundle file as a local path: in place, or copied once from a bucket into a verified cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from echoprime.errors import BundleError
from echoprime.storage import Location, leads_out
from echoprime.storage.local_files import writing

BLOCK = 8 << 20
"""Bytes read at once: large enough for a bucket, small beside a process's memory."""


def cache_directory(bundle_hash: str) -> Path:
    """Where this node keeps copies of a bundle: $ECHOPRIME_CACHE, else ~/.cache/echoprime, by hash."""
    root = os.environ.get("ECHOPRIME_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "echoprime") / bundle_hash


def local_file(
    location: Location,
    name: str,
    size: int,
    sha256: str,
    cache: Path,
    *,
    listed_in: str = "bundle.json",
    cure: str = "import the release again",
) -> Path:
    """Local path of the file `name` of the bundle, or other hashed folder, at `location`.

    Parameters
    ----------
    location
        The bundle: a folder or a bucket's prefix.
    name
        Relative, as in `bundle.json`.
    size, sha256
        What `bundle.json` says of it. A local file's size is compared; a fetched one's bytes are hashed.
    cache
        Where a fetched copy goes; it is renamed in only when it is whole and its hash is right, so a
        copy that is there is good, whoever fetched it.
    listed_in, cure
        The file that names size and hash, and what a user does about one that does not fit.

    Raises
    ------
    BundleError
        When the file is missing, or not the one that `bundle.json` speaks of.
    """
    require_inside(name, listed_in, cure)
    if location.is_local:
        path = (location / name).local_path
        if not path.is_file():
            raise BundleError(f"{name}: named in {listed_in}, but not there; {cure}")
        if path.stat().st_size != size:
            raise BundleError(f"{name}: {path.stat().st_size:,} bytes, {listed_in} says {size:,}; {cure}")
        return path
    kept = cache / name
    if not (kept.is_file() and kept.stat().st_size == size):
        _fetch(location / name, name, sha256, kept, listed_in)
    return kept


def require_inside(name: str, listed_in: str, cure: str) -> None:
    """Refuse a name of a file that is not below the bundle: it would be read, or its copy written, elsewhere.

    Raises
    ------
    BundleError
        Naming the list that it stands in.
    """
    if leads_out(name):
        raise BundleError(f"{listed_in} names a file that is not below it ({name[:80]!r}); {cure}")


def _fetch(source: Location, name: str, sha256: str, kept: Path, listed_in: str) -> None:
    digest = hashlib.sha256()
    try:
        with writing(kept) as target, source.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
                target.write(block)
            if digest.hexdigest() != sha256:
                raise BundleError(f"{name}: SHA-256 differs from {listed_in}'s; copy it to the bucket again")
    except FileNotFoundError as error:
        raise BundleError(
            f"{name}: named in {listed_in}, but not there; copy it to the bucket again"
        ) from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a local file, as lower-case hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
