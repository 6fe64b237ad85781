"""What a user's own names of views mean in the bundle's: a CSV with the columns view, echoprime_view."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from echoprime.errors import SettingError
from echoprime.storage import Location

COLUMNS = ("view", "echoprime_view")


def read_view_names(file: Location, views: Sequence[str]) -> dict[str, str]:
    """The bundle's view of each name that a file lists; "" = one that no section uses.

    Parameters
    ----------
    file
        CSV, columns `view` (each name once) and `echoprime_view` (one of `views`, or empty).
    views
        The bundle's.

    Raises
    ------
    SettingError
        It is missing, is not as above, or names a view that the bundle does not have.
    """
    file.require_reachable("--view-names", SettingError, must_exist=True)
    try:
        lines = csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig")))
        columns = list(lines.fieldnames or ())
        rows = list(lines)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise SettingError(
            f"--view-names {file}: cannot be read as a CSV; write {','.join(COLUMNS)}"
        ) from None
    if not set(COLUMNS) <= set(columns):
        raise SettingError(
            # not the names found: without a header line they would be values
            f"--view-names {file}: looked for the columns {', '.join(COLUMNS)}, found {len(columns)} others; "
            "write a header line with these names"
        )
    names: dict[str, str] = {}
    for row in rows:
        name, view = ((row[column] or "").strip() for column in COLUMNS)
        if not name:
            raise SettingError(f"--view-names {file}: a line has no view; fill or remove it")
        if name in names:
            raise SettingError(f"--view-names {file}: {name} stands in it twice; keep one line for each")
        if view and view not in views:
            raise SettingError(
                f"--view-names {file}: {view!r} is none of the bundle's views; there are {', '.join(views)}, "
                "or leave it empty for a view that no section uses"
            )
        names[name] = view
    return names
