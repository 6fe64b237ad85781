"""The hidden folder that a bundle is written into before it appears; a long import goes on in it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echoprime.errors import BundleError, EchoPrimeError
from echoprime.storage.folder_lock import locked_folder


@contextmanager
def workspace(target: Path, identity: str | None = None) -> Iterator[Path]:
    """A folder beside `target`, to be renamed to it; whatever is not renamed is removed.

    Parameters
    ----------
    target
        Where the finished folder shall be.
    identity
        Hash of all that is written from. A folder that a killed or interrupted writer of the same identity
        left is given again, with what is in it; only what an `EchoPrimeError` ended is removed. Folders of
        other identities that nobody works in are removed. None = a new folder each time.

    Raises
    ------
    BundleError
        Another process works in it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.importing-"
    name = f".{target.name}.writing-{secrets.token_hex(4)}" if identity is None else prefix + identity[:16]
    place = target.parent / name
    place.mkdir(exist_ok=identity is not None)
    with locked_folder(place) as mine:
        if not mine:
            raise BundleError(f"{target}: another import writes it at this moment; wait for that one")
        if identity is not None:
            _remove_abandoned(target.parent, prefix, place)
        try:
            yield place
        except BaseException as error:
            if identity is None or isinstance(error, EchoPrimeError):
                shutil.rmtree(place, ignore_errors=True)
            raise
        shutil.rmtree(place, ignore_errors=True)


def _remove_abandoned(parent: Path, prefix: str, mine: Path) -> None:
    for other in [path for path in parent.iterdir() if path.name.startswith(prefix) and path != mine]:
        with locked_folder(other) as free:
            if free:
                shutil.rmtree(other, ignore_errors=True)
