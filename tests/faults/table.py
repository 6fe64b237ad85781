"""What faults did to a run: counted, and printed as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """How the rows of a disturbed run differ from those of an undisturbed one.

    Attributes
    ----------
    lost, doubled
        Studies that are not there, and rows of a study beyond its first.
    wrong
        Studies with another row.
    """

    lost: int
    doubled: int
    wrong: int


def difference(disturbed: Sequence[Row], undisturbed: Sequence[Row]) -> Difference:
    """Compare two tables by study."""
    there = Counter(row["study_id"] for row in disturbed)
    expected = {row["study_id"]: row for row in undisturbed}
    return Difference(
        lost=len(expected.keys() - there.keys()),
        doubled=there.total() - len(there),
        wrong=sum(row != expected.get(row["study_id"]) for row in disturbed),
    )


class FaultTable:
    """Collects one line a test; printed when the tests have run.

    Parameters
    ----------
    columns
        Names of the first ones.
    """

    def __init__(self, *columns: str) -> None:
        names = [*columns, "lost", "doubled", "wrong", "seconds"]
        self._lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]

    def add(self, *cells: object, found: Difference, seconds: float) -> None:
        """Note a run."""
        shown = (*cells, found.lost, found.doubled, found.wrong, f"{seconds:.0f}")
        self._lines.append(f"| {' | '.join(map(str, shown))} |")

    def __str__(self) -> str:
        return "\n".join(self._lines)


def counted(counts: Mapping[str, int]) -> tuple[int, int]:
    """Requests that a fault spoke of, and those that it hit, of `FaultProxy.counts`."""
    faulty = sum(count for key, count in counts.items() if " " in key)
    return sum(counts.values()) - faulty, faulty
