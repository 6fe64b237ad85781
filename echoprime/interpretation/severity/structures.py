"""What is graded: structures, the section of each, and the phenotype that it must agree with."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from echoprime.assets import read_asset

STRUCTURES = "severity/structures.csv"


@dataclass(frozen=True)
class Structure:
    """One row of `assets/severity/structures.csv`.

    Attributes
    ----------
    name
        As the `severity` column has it.
    section
        Report section whose neighbours are asked, by its English name.
    anatomy, finding
        What `Wording` finds of it.
    phenotype
        The one that says the same thing; "" = none.
    bounds
        Of a continuous phenotype: the least values that are called none, mild and moderate; what is lower is
        severe. Empty: the phenotype is binary.
    unclear_from, positive_from
        Of a binary phenotype: the least grade that may count as positive, and the least that surely does.
        "" = there is none.
    """

    name: str
    section: str
    anatomy: str
    finding: str
    phenotype: str
    bounds: tuple[float, ...]
    unclear_from: str
    positive_from: str


def read_structures() -> tuple[Structure, ...]:
    """The table of structures, in its order.

    Examples
    --------
    >>> [each.name for each in read_structures() if each.section == "Mitral Valve"]
    ['mitral_regurgitation', 'mitral_stenosis']
    """
    rows = csv.DictReader(read_asset(STRUCTURES).decode().splitlines())
    return tuple(
        Structure(
            row["structure"],
            row["section"],
            row["anatomy"],
            row["finding"],
            row["phenotype"],
            tuple(map(float, row["bounds"].split())),
            row["unclear_from"],
            row["positive_from"],
        )
        for row in rows
    )
