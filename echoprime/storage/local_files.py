"""Files of a folder, written whole or not at all: a reader sees the old bytes or the new ones."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_SCRATCH = re.compile(r"(?:^|/)\.[^/]+\.(\d+)\.[0-9a-f]{8}$")
"""What a file is called until it is whole; the number is the process that writes it."""


def is_unfinished(path: str) -> bool:
    """Whether a local file is one that a process was killed over before it was whole.

    Examples
    --------
    >>> is_unfinished("out/.manifest.parquet.99999999.0123abcd"), is_unfinished("out/manifest.parquet")
    (True, False)
    """
    found = _SCRATCH.search(path)
    return found is not None and not Path(f"/proc/{found[1]}").exists()


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left below a folder that nobody else writes to: hidden files.

    Whole files have other names, and what a download goes on with (`.NAME.part`) stays.
    """
    for path in folder.rglob(".*"):
        if path.is_file() and _SCRATCH.search(path.as_posix()):
            path.unlink()


def write_whole(target: Path, data: bytes) -> None:
    """Write a file; the folders above it are made."""
    with _beside(target) as scratch, scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def move_whole(source: Path, target: Path) -> None:
    """Bring a finished file to its place, from another disk too; the source is gone then."""
    with _beside(target) as scratch:
        shutil.move(source, scratch)


@contextmanager
def writing(target: Path) -> Iterator[IO[bytes]]:
    """Open a file to write all of it: where the block fails, the old bytes stay."""
    with _beside(target) as scratch, scratch.open("wb") as file:
        yield file


def why_unusable(place: Path) -> str | None:
    """None for what can be read, or can be made below the nearest folder that exists; else what is wrong."""
    path = place
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    if path == place:
        return None if os.access(path, os.R_OK) else "it may not be read; correct its permissions"
    return None if path.is_dir() else f"{path} is not a folder"


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A hidden name in the same folder, which becomes the target at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.parent / f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        yield scratch
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
