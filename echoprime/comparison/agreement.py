"""How two interpretations agree on one phenotype: differences of its value, and how calls moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from echoprime.bundle.phenotypes import UNITS

LIMITS = 1.96
"""Deviations from the mean difference to the limits of agreement: 95 % of a normal distribution."""


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """One phenotype's values in the studies that both tables have; differences are second minus first.

    Attributes
    ----------
    name
        The phenotype.
    unit
        `%`, `mmHg`; empty for a share of 0..1.
    studies
        In both tables; the other counts are of these.
    first_known, second_known, both_known
        Studies with a value in the first table, the second, both.
    only_first, only_second
        Studies whose value is known in one of them alone.
    changed
        Of `both_known`: the value is not exactly the same.
    first_mean, second_mean, mean_difference, deviation, mean_absolute, largest, percentile_5, percentile_95
        Over `both_known`; None without any. Deviation: of the differences, None for one study.
    low, high
        Limits of agreement: mean difference -/+ 1.96 deviations.
    correlation
        Pearson's; None where one side does not vary.
    scale
        What differences are divided by to compare phenotypes: the first table's standard deviation; None
        where that is 0, or of one study.
    """

    name: str
    unit: str
    studies: int
    first_known: int
    second_known: int
    both_known: int
    only_first: int
    only_second: int
    changed: int
    first_mean: float | None
    second_mean: float | None
    mean_difference: float | None
    deviation: float | None
    low: float | None
    high: float | None
    mean_absolute: float | None
    largest: float | None
    percentile_5: float | None
    percentile_95: float | None
    correlation: float | None
    scale: float | None

    def row(self) -> dict[str, Any]:
        """As values.csv holds it."""
        return {
            "phenotype": self.name,
            **{name: value for name, value in asdict(self).items() if name != "name"},
        }


def value_change(name: str, row: Mapping[str, Any]) -> ValueChange:
    """From the row of `statements.value_summary`.

    Parameters
    ----------
    name
        The phenotype.
    row
        Its counts and moments.
    """
    found = {key: _finite(value) for key, value in row.items()}
    spread = found.pop("first_deviation")
    mean, deviation = found["mean_difference"], found["deviation"]
    known = mean is not None and deviation is not None
    return ValueChange(
        name=name,
        unit=UNITS.get(name, ""),
        low=mean - LIMITS * deviation if known else None,
        high=mean + LIMITS * deviation if known else None,
        scale=spread or None,
        **found,
    )


def _finite(value: Any) -> Any:  # noqa: ANN401  # a number of DuckDB's, or None
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, kw_only=True)
class CallChange:
    """How one phenotype's calls moved.

    Attributes
    ----------
    name
        The phenotype.
    counts
        (first, second) -> studies; a call is True, False, or None = none was made.
    kappa
        Cohen's, over the studies called in both; None where all calls of both are the same.
    """

    name: str
    counts: Mapping[tuple[bool | None, bool | None], int]
    kappa: float | None

    @property
    def both(self) -> int:
        """Studies called in both."""
        return sum(studies for pair, studies in self.counts.items() if None not in pair)

    @property
    def moved(self) -> int:
        """Studies whose call is not the same; a call that is in one table alone among them."""
        return sum(studies for (first, second), studies in self.counts.items() if first is not second)

    def rows(self) -> list[dict[str, Any]]:
        """As calls.csv holds it."""
        words = {True: "yes", False: "no", None: "none"}
        return [
            {
                "phenotype": self.name,
                "first": words[one],
                "second": words[two],
                "studies": self.counts.get((one, two), 0),
            }
            for one in words
            for two in words
        ]


def call_change(name: str, rows: Sequence[Mapping[str, Any]]) -> CallChange:
    """From the rows of `statements.call_counts`.

    Examples
    --------
    >>> rows = [{"first": True, "second": False, "studies": 2}, {"first": True, "second": True, "studies": 5}]
    >>> call_change("tavr", rows).moved
    2
    """
    counts = {(row["first"], row["second"]): int(row["studies"]) for row in rows}
    called = [(*pair, studies) for pair, studies in counts.items() if None not in pair]
    kappa = None
    if len({call for one, two, _ in called for call in (one, two)}) == 2:
        from sklearn.metrics import cohen_kappa_score

        one, two, weights = zip(*called, strict=True)
        kappa = float(cohen_kappa_score(one, two, sample_weight=weights))
    return CallChange(name=name, counts=counts, kappa=_finite(kappa))
