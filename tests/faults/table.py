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
    """Collects one line a test; printed when the module's tests have run."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, name: str, counts: Mapping[str, int], found: Difference, seconds: float) -> None:
        """Note a run."""
        faulty = sum(count for key, count in counts.items() if " " in key)
        requests = sum(count for key, count in counts.items() if " " not in key)
        cells = (name, requests, faulty, found.lost, found.doubled, found.wrong, f"{seconds:.0f}")
        self._lines.append(f"| {' | '.join(map(str, cells))} |")

    def __str__(self) -> str:
        head = (
            "| fault | requests | faulty | lost | doubled | wrong | seconds |\n|---|---|---|---|---|---|---|"
        )
        return "\n".join([head, *self._lines])
