"""Thresholds of one's own in place of the bundle's: a CSV with the columns phenotype, threshold."""

from __future__ import annotations

import math
from dataclasses import replace

from echoprime.bundle.bundle import Bundle
from echoprime.bundle.phenotypes import OWN
from echoprime.errors import SettingError
from echoprime.storage import Location, read_option_csv

PHENOTYPE_COLUMNS = ("phenotype", "feature")
"""Names of the column of phenotypes: ours, and the official release's."""


def with_thresholds(bundle: Bundle, file: Location) -> Bundle:
    """The bundle with the file's thresholds alone: a phenotype that the file does not name gets no call.

    Parameters
    ----------
    bundle
        Whose phenotypes the file may name.
    file
        CSV, columns `phenotype` (or `feature`) and `threshold`; an empty threshold = no call.

    Raises
    ------
    SettingError
        The file is missing, is not as above, or names an unknown phenotype, one twice, or a threshold that
        is no number (of a binary phenotype: within 0..1).
    """
    (named, _), rows = read_option_csv("--thresholds", file, [PHENOTYPE_COLUMNS, ("threshold",)])
    kinds = {each.name: each.kind for each in bundle.phenotypes}
    thresholds: dict[str, float | None] = {}
    for row in rows:
        name = row[named]
        if name not in kinds:
            raise SettingError(
                f"--thresholds {file}: {name!r} is no phenotype of bundle {bundle.name!r}; "
                f"there are {', '.join(kinds)}"
            )
        if name in thresholds:
            raise SettingError(f"--thresholds {file}: {name} stands in it twice; keep one line for each")
        thresholds[name] = _number(file, name, kinds[name], row["threshold"])
    phenotypes = tuple(
        replace(each, threshold=thresholds.get(each.name), threshold_from=OWN) for each in bundle.phenotypes
    )
    return replace(bundle, phenotypes=phenotypes)


def _number(file: Location, name: str, kind: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (kind == "binary" and not 0 <= value <= 1):
        allowed = "a number from 0 to 1" if kind == "binary" else "a number"
        raise SettingError(
            f"--thresholds {file}: threshold {text!r} of {name} is not {allowed}; leave it empty for no call"
        )
    return value
