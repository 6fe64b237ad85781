"""The small CSV behind an option of the command line: read whole, its columns required by name."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from echoprime.errors import SettingError
from echoprime.storage.location import Location


def read_option_csv(
    option: str, file: Location, columns: Sequence[Sequence[str]]
) -> tuple[list[str], list[dict[str, str]]]:
    """Rows of a CSV, and what its columns are called.

    Parameters
    ----------
    option
        As it is typed, such as `--thresholds`; messages begin with it.
    file
        UTF-8, with a header line.
    columns
        Of each column that is needed the names that it may have, the one to write first.

    Returns
    -------
    The name found for each of `columns`, and all rows by name: texts stripped, "" for a missing field.

    Raises
    ------
    SettingError
        It is missing, no CSV, or lacks a column.
    """
    file.require_reachable(option, SettingError, must_exist=True)
    wanted = [names[0] for names in columns]
    try:
        lines = csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig")))
        there = list(lines.fieldnames or ())
        rows = list(lines)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise SettingError(f"{option} {file}: cannot be read as a CSV; write {','.join(wanted)}") from None
    found = [name for name in (_first(names, there) for names in columns) if name is not None]
    if len(found) < len(columns):
        raise SettingError(
            # not the names found: without a header line they would be values
            f"{option} {file}: looked for the columns {', '.join(wanted)}, found {len(there)} others; "
            "write a header line with these names"
        )
    return found, [{name: (row[name] or "").strip() for name in found} for row in rows]


def _first(names: Sequence[str], there: Sequence[str]) -> str | None:
    return next((name for name in names if name in there), None)
