"""A folder that one process at a time works in: it is locked itself, and the lock ends with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked_folder(folder: Path) -> Iterator[bool]:
    """Lock a folder of this machine while the block runs.

    Parameters
    ----------
    folder
        Must be there; may be renamed or removed meanwhile.

    Yields
    ------
    bool
        False: another process has it. True also on a file system without locks, where two processes at once
        are the user's to avoid.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
