"""What a Delta table keeps of its past, removed: data files, and log entries that name studies."""

from __future__ import annotations

import re

import deltalake

from echoprime.storage import Location
from echoprime.tables.opening import add_actions

_LOG = "_delta_log"
_NUMBERED = re.compile(r"(\d{20})\.")
_POINTER = "_last_checkpoint"


def forget_past(location: Location, table: deltalake.DeltaTable) -> int:
    """Leave a table's newest version, and nothing that it does not need.

    The log of a table says the least and greatest `study_id` of every file that was ever in it. So the newest
    version becomes a checkpoint, and all entries before it go. Readers of an older version lose it, and a
    writer that has not committed yet loses its file: hold the table's lock.

    Parameters
    ----------
    location
        Folder or prefix of the table.
    table
        The table at its newest version.

    Returns
    -------
    int
        Data files removed.
    """
    removed = len(table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True))
    table.update_incremental()
    table.create_checkpoint()
    # by hand what the clocks of a bucket and of this machine make vacuum take for new
    kept = set(add_actions(table)["path"].to_pylist())
    for path in location.files():
        if path.startswith(f"{_LOG}/"):
            if not _is_needed(path.removeprefix(f"{_LOG}/"), int(table.version())):
                (location / path).remove()
        elif path not in kept:
            (location / path).remove()
            removed += 1
    return removed


def _is_needed(name: str, version: int) -> bool:
    if name == _POINTER:
        return True
    numbered = _NUMBERED.match(name)
    return numbered is not None and int(numbered[1]) >= version
