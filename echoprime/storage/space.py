"""Room that is left for what a run writes."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from echoprime.storage.location import Location


def free_bytes(location: Location) -> int | None:
    """Bytes free on the disk that holds (or will hold) a location.

    Returns
    -------
    int or None
        None for a bucket, which has no end, or where the system does not say.
    """
    if not location.is_local:
        return None
    path = Path(location.uri)
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or what a user may have of it, is full.

    Libraries below Python say it in words alone.

    Examples
    --------
    >>> is_full(OSError(errno.ENOSPC, "No space left on device"))
    True
    >>> is_full(OSError("Generic error: Unable to copy data to file: No space left on device (os error 28)"))
    True
    >>> is_full(PermissionError(errno.EACCES, "Permission denied"))
    False
    """
    numbers = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and error.errno in numbers:
        return True
    return any(
        f"(os error {number})" in str(error) or os.strerror(number) in str(error) for number in numbers
    )
