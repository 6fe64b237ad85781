"""Which rows of a whole are hidden, so that no small count is shown or can be reckoned back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from echoprime.population.analysed import Analysed

Row = dict[str, Any]


def is_small(count: int, least: int) -> bool:
    """Whether a count is one that must not be known: nothing is not small."""
    return 0 < count < least


def hidden_places(
    numbers: Sequence[Sequence[int]],
    least: int,
    *,
    start: Collection[int] = (),
    whole: Sequence[int] | None = None,
) -> set[int]:
    """Which rows of a partition are hidden.

    A row is hidden where one of its counts is small. What is hidden can be reckoned together from the whole
    and the rows that are shown: so at least two are hidden, the smallest next, until no count of all the
    hidden together is small. Where a count of the whole is small, everything is hidden.

    Parameters
    ----------
    numbers
        For each row its counts, the one that says how large it is first.
    least
        Counts from 1 to below it are small.
    start
        Rows that are hidden already.
    whole
        Counts of all rows together, where these do not simply add up: a patient may be in several.

    Examples
    --------
    >>> sorted(hidden_places([[3], [40], [12], [90]], 10))
    [0, 2]
    >>> hidden_places([[0], [40]], 10)
    set()
    """
    width = range(len(numbers[0])) if numbers else range(0)
    if whole is not None and any(is_small(count, least) for count in whole):
        return set(range(len(numbers)))
    hidden = {
        place for place, counts in enumerate(numbers) if any(is_small(count, least) for count in counts)
    }
    hidden |= set(start)
    others = sorted(
        (place for place, counts in enumerate(numbers) if place not in hidden and counts[0] > 0),
        key=lambda place: numbers[place][0],
    )
    while hidden and others:
        known = [sum(numbers[place][which] for place in hidden) for which in width]
        if whole is not None:
            shown = set(range(len(numbers))) - hidden
            known += [whole[which] - sum(numbers[place][which] for place in shown) for which in width]
        if len(hidden) > 1 and not any(is_small(count, least) for count in known):
            break
        hidden.add(others.pop(0))
    return hidden


@dataclass(frozen=True)
class SmallGroups:
    """Groups of one column that are hidden in every table, because they or their neighbours are small.

    Attributes
    ----------
    hidden
        Their names.
    renamed
        Name -> what stands in its place, of those that are small themselves: a name that few people share
        may be one person's.
    """

    hidden: frozenset[str]
    renamed: dict[str, str]


def small_groups(analysed: Analysed, least: int) -> dict[str, SmallGroups]:
    """Column ("" = all together) -> its groups that are hidden by their studies and patients alone."""
    whole = [len(analysed), analysed.patient_count]
    found = {}
    for grouping in analysed.groupings:
        members = dict(grouping)
        sizes = [[len(rows), len(np.unique(analysed.patients[rows]))] for rows in members.values()]
        places = hidden_places(sizes, least, whole=whole)
        few = [
            level
            for level, counts in zip(members, sizes, strict=True)
            if grouping.by and any(is_small(count, least) for count in counts)
        ]
        found[grouping.by] = SmallGroups(
            frozenset(level for place, level in enumerate(members) if place in places), hidden_names(few)
        )
    return found


def hidden_names(names: Iterable[str]) -> dict[str, str]:
    """What stands in the place of names that must not be shown: one each, so that rows stay apart.

    Examples
    --------
    >>> hidden_names(["Doe", "Roe"])
    {'Doe': '(hidden 1)', 'Roe': '(hidden 2)'}
    """
    return {name: f"(hidden {number})" for number, name in enumerate(names, start=1)}


def hide(row: Row, kept: Collection[str]) -> None:
    """Take every number out of a row, and say so."""
    row |= {column: None for column in row if column not in kept}
    row["hidden"] = True
