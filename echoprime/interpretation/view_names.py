"""What a user's own names of views mean in the bundle's: a CSV with the columns view, echoprime_view."""

from __future__ import annotations

from collections.abc import Sequence

from echoprime.errors import SettingError
from echoprime.storage import Location, read_option_csv

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
    _, rows = read_option_csv("--view-names", file, [(name,) for name in COLUMNS])
    names: dict[str, str] = {}
    for row in rows:
        name, view = (row[column] for column in COLUMNS)
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
