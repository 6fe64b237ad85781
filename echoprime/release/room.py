"""Whether a disk has room for what is about to be written: asked before, not found out after an hour."""

from __future__ import annotations

from pathlib import Path

from echoprime.errors import BundleError
from echoprime.storage import Location, free_bytes

SPARE = 256 << 20
"""Bytes that are left to others."""


def require_room(place: Path, needed: int, what: str) -> None:
    """Refuse a disk without room.

    Parameters
    ----------
    place
        Folder that will be written to; need not be there yet.
    needed
        Bytes.
    what
        What needs them, for the message.

    Raises
    ------
    BundleError
        Naming what is free and what is needed.
    """
    free = free_bytes(Location.parse(place))
    if free is not None and free < needed + SPARE:
        raise BundleError(
            f"{place}: {free / 1e9:.2f} GB are free there, {what} needs {(needed + SPARE) / 1e9:.2f} GB; "
            "make room, or name a folder on another disk"
        )
