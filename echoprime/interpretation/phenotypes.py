"""Neighbours' labels to phenotype values and calls (README, "The method", 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from echoprime.bundle import Phenotype
from echoprime.errors import BundleError, SettingError
from echoprime.interpretation.spread import known_sums

Pairing = Literal["section", "position"]
"""Whose neighbours a phenotype is averaged over."""

PAIRINGS: tuple[str, ...] = get_args(Pairing)
"""`section`: those of the section that the phenotype belongs to, found by name (the default).
`position`: what the original code computes: the i-th section named by the phenotype map uses the i-th row
of the section weights, although the two lists differ."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Which phenotypes are averaged over which section's neighbours.

    Attributes
    ----------
    section, slot
        int64 (phenotypes,): row of the section weights whose query is used, and the place among that
        row's labels.
    members
        For each row of the section weights the phenotypes averaged over its neighbours, by position.
    columns
        int64 (sections, widest): the same as label columns of the candidate set; -1 = none.
    """

    section: NDArray[np.int64]
    slot: NDArray[np.int64]
    members: tuple[tuple[int, ...], ...]
    columns: NDArray[np.int64]


def plan(
    phenotypes: Sequence[Phenotype], sections: Sequence[str], labels: Sequence[str], pairing: str
) -> Plan:
    """Pair phenotypes with rows of the section weights.

    Parameters
    ----------
    phenotypes
        In the order of the release's map.
    sections
        Names of the section weights' rows.
    labels
        Names of the candidate set's label columns.
    pairing
        See `PAIRINGS`.

    Raises
    ------
    SettingError
        On another pairing.
    BundleError
        When a phenotype has no section weights or no label column.

    Examples
    --------
    >>> tavr, ivc = Phenotype("tavr", "Aortic Valve", "binary"), Phenotype("dilated_ivc", "IVC", "binary")
    >>> names = ["IVC", "Aortic Valve"]
    >>> [plan([tavr, ivc], names, ["dilated_ivc", "tavr"], way).section.tolist() for way in PAIRINGS]
    [[1, 0], [0, 1]]
    """
    if pairing not in PAIRINGS:
        raise SettingError(f"pairing {pairing!r} is not one of {', '.join(PAIRINGS)}")
    order = list(dict.fromkeys(each.section for each in phenotypes))
    if len(order) > len(sections) or set(order) - set(sections):
        wrong = sorted(set(order) - set(sections)) or order
        raise BundleError(f"phenotypes: {wrong} have no row in sections.csv; import the release again")
    lacking = [each.name for each in phenotypes if each.name not in labels]
    if lacking:
        raise BundleError(f"candidates: no labels for {', '.join(lacking)}; import the release again")
    members: list[list[int]] = [[] for _ in sections]
    section, slot = [], []
    for number, each in enumerate(phenotypes):
        row = order.index(each.section) if pairing == "position" else list(sections).index(each.section)
        section.append(row)
        slot.append(len(members[row]))
        members[row].append(number)
    columns = np.full((len(sections), max(map(len, members), default=0)), -1, np.int64)
    for row, numbers in enumerate(members):
        columns[row, : len(numbers)] = [list(labels).index(phenotypes[number].name) for number in numbers]
    return Plan(np.array(section, np.int64), np.array(slot, np.int64), tuple(map(tuple, members)), columns)


def known_mean(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each line's known labels; NaN where none is known.

    Added up neighbour by neighbour, best first, so that a study's value is the same bits in any batch.

    Parameters
    ----------
    labels
        float64 (studies, k); NaN = unknown.

    Examples
    --------
    >>> known_mean(np.array([[1.0, np.nan, 0.0], [np.nan, np.nan, np.nan]])).tolist()
    [0.5, nan]
    """
    total, known = known_sums(labels)
    mean: NDArray[np.float64] = np.divide(total, known, out=np.full(len(labels), np.nan), where=known > 0)
    return mean


def values(plan: Plan, labels: NDArray[np.float64], position: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 (studies, phenotypes); NaN where the section is not assessable or no neighbour has the label.

    Parameters
    ----------
    plan
        From `plan`.
    labels
        float64 (queries, k, widest): the hits' labels, asked for with the plan's `columns`.
    position
        int64 (studies, sections): query of each study's section; -1 = not assessable.
    """
    found = np.full((len(position), len(plan.section)), np.nan)
    for number, (row, slot) in enumerate(zip(plan.section.tolist(), plan.slot.tolist(), strict=True)):
        studies = np.flatnonzero(position[:, row] >= 0)
        found[studies, number] = known_mean(labels[position[studies, row], :, slot])
    return found
