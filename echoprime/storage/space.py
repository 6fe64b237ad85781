"""Room that is left for what a run writes."""

from __future__ import annotations

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
