"""The phenotypes that a bundle estimates: name, section, unit, definition, threshold (`phenotypes.csv`)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from echoprime.bundle.calibrated import Conformal, Isotonic, Platt
from echoprime.errors import BundleError

COLUMNS = ("name", "section", "kind", "unit", "definition", "threshold")

PUBLISHED, OWN, CALIBRATION = "published", "own", "calibration"
"""Where a threshold comes from: the bundle, a table of the user's, a calibration."""

UNITS = {"ejection_fraction": "%", "pulmonary_artery_pressure_continuous": "mmHg"}
"""Units of the continuous phenotypes; a binary one is a share of the neighbours, 0..1."""

LIMITS = {"%": (0.0, 100.0), "mmHg": (0.0, math.inf)}
"""Unit -> the least and the largest number that there is."""


@dataclass(frozen=True)
class Phenotype:
    """One finding or measurement that is estimated from the neighbours' labels.

    Attributes
    ----------
    name
        Column name in the tables.
    section
        The report section by whose query its neighbours are found.
    kind
        `binary` (0..1) or `continuous` (in `unit`).
    unit
        `%`, `mmHg`, or empty.
    definition
        One sentence on what a label of 1, or its number, means.
    threshold
        A call is value >= threshold; None = the release has none, no call is made.
    threshold_from
        `PUBLISHED`, `OWN` or `CALIBRATION`.
    calibrated
        What a calibration makes of its value; None = it is not calibrated.
    """

    name: str
    section: str
    kind: str
    unit: str = ""
    definition: str = ""
    threshold: float | None = None
    threshold_from: str = PUBLISHED
    calibrated: Isotonic | Platt | Conformal | None = None


def phenotypes_to_csv(phenotypes: Sequence[Phenotype]) -> bytes:
    """As `phenotypes.csv` holds them, in the order of the release's `section_to_phenotypes`.

    Examples
    --------
    >>> print(phenotypes_to_csv([Phenotype("tavr", "Aortic Valve", "binary", threshold=0.76)]).decode())
    name,section,kind,unit,definition,threshold
    tavr,Aortic Valve,binary,,,0.76
    <BLANKLINE>
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in phenotypes:
        threshold = "" if each.threshold is None else repr(each.threshold)
        writer.writerow([each.name, each.section, each.kind, each.unit, each.definition, threshold])
    return out.getvalue().encode()


def phenotypes_from_csv(data: bytes, file: str = "phenotypes.csv") -> tuple[Phenotype, ...]:
    """Read `phenotypes.csv`.

    Raises
    ------
    BundleError
        On other columns, a name that stands twice, an unknown kind, or a threshold that is no number.

    Examples
    --------
    >>> phenotypes_from_csv(phenotypes_to_csv([Phenotype("tavr", "Aortic Valve", "binary")]))[0].section
    'Aortic Valve'
    """
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    if not rows or set(rows[0]) != set(COLUMNS):
        raise BundleError(f"{file}: columns must be {', '.join(COLUMNS)}; write the bundle again")
    found: dict[str, Phenotype] = {}
    for row in rows:
        if row["name"] in found:
            raise BundleError(f"{file}: {row['name']!r} stands in it twice; write the bundle again")
        if row["kind"] not in ("binary", "continuous"):
            raise BundleError(f"{file}: kind {row['kind']!r} of {row['name']!r} is not binary or continuous")
        found[row["name"]] = Phenotype(
            name=row["name"],
            section=row["section"],
            kind=row["kind"],
            unit=row["unit"],
            definition=row["definition"],
            threshold=threshold_from_text(row["threshold"], row["name"], file),
        )
    return tuple(found.values())


def threshold_from_text(text: str, name: str, file: str) -> float | None:
    """A threshold as written in a table; empty = None.

    Examples
    --------
    >>> threshold_from_text("0.76", "tavr", "roc_thresholds.csv")
    0.76
    >>> threshold_from_text("", "tavr", "roc_thresholds.csv") is None
    True
    """
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BundleError(f"{file}: threshold {text!r} of {name!r} is no number; leave it empty for none")
    return value
