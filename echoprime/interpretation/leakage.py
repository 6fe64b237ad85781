"""The leakage guard in sum: how many studies had candidates of their own among the nearest, and their effect.

A set that holds an evaluated study itself, or another one of its patient, makes values look better than they
are. Such candidates are always left out; this says how much they would have moved the values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.bundle.phenotypes import UNITS
from echoprime.tables import StudyTable, newest_rows
from echoprime.tables.evidence_types import PHENOTYPE
from echoprime.tables.files import read_rows

FIELDS = ("phenotype", "value", "left_out", "value_with_left_out")
"""What is read of each entry of an interpretation's `phenotypes`, in the order of the schema."""

SHARE = "the shares"
"""What all phenotypes without a unit are called together."""


@dataclass
class Moved:
    """How far values would have moved: of those studies and phenotypes that had left-out neighbours.

    Attributes
    ----------
    values
        That there are with and without them.
    total, largest
        Sum and maximum of the absolute differences, in the phenotype's unit.
    """

    values: int = 0
    total: float = 0.0
    largest: float = 0.0

    def add(self, differences: NDArray[np.float64]) -> None:
        """Count some more absolute differences; NaN = there is none."""
        known = differences[~np.isnan(differences)]
        self.values += len(known)
        self.total += float(known.sum())
        self.largest = max(self.largest, float(known.max(initial=0.0)))


@dataclass
class Leakage:
    """Counted over an interpretation's rows; batches add up in any order.

    Attributes
    ----------
    studies
        All of them.
    affected
        Those of which some phenotype had left-out candidates among its k nearest.
    moved
        Phenotype with a unit, or `SHARE` for all the others -> how far its values would have moved.
    """

    studies: int = 0
    affected: int = 0
    moved: dict[str, Moved] = field(default_factory=dict)

    @classmethod
    def of_table(cls, table: StudyTable) -> Leakage:
        """Of the newest row of every study of an interpretation; of its evidence `FIELDS` alone are read."""
        leaves = [f"phenotypes.list.element.{name}" for name in FIELDS]
        schema = pa.schema(
            [pa.field("phenotypes", pa.list_(pa.struct([PHENOTYPE.field(n) for n in FIELDS])))]
        )
        found = cls()
        for rows in read_rows(table.location, newest_rows(table.keys()), leaves):
            found.add(rows.cast(schema)["phenotypes"])
        return found

    def add(self, column: Any) -> None:  # noqa: ANN401  # pyarrow has no types
        """Count some more studies.

        Parameters
        ----------
        column
            pyarrow list<struct> or chunked array of it, one list a study.
        """
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        self.studies += len(column)
        entries = column.flatten()
        near = pc.greater(entries.field("left_out"), 0)
        self.affected += pc.count_distinct(pc.list_parent_indices(column).filter(near)).as_py()
        touched = entries.filter(near)
        with_them, without = (
            touched.field(name).to_numpy(zero_copy_only=False) for name in ("value_with_left_out", "value")
        )
        differences = np.abs(with_them - without)
        names = np.array(
            [name if name in UNITS else SHARE for name in touched.field("phenotype").to_pylist()]
        )
        for name in np.unique(names).tolist():
            self.moved.setdefault(name, Moved()).add(differences[names == name])

    def said(self) -> str:
        """In one line; "" where no study had any.

        Examples
        --------
        >>> moved = {"ejection_fraction": Moved(12, 30.0, 9.0), SHARE: Moved(40, 0.8, 0.3)}
        >>> first, _, then = Leakage(300, 12, moved).said().partition(": ")
        >>> first
        '12 of 300 studies had left-out candidates among their nearest'
        >>> then.partition(", ")[::2]
        ('with them ejection fraction would have moved by 2.5 % on average (at most 9.0)', \
'the shares by 0.02 (at most 0.30)')
        """
        if not self.affected:
            return ""
        parts: list[str] = []
        for name, moved in sorted(self.moved.items(), key=lambda each: (each[0] == SHARE, each[0])):
            if moved.values:
                digits, unit = (1, f" {UNITS[name]}") if name in UNITS else (2, "")
                first = " on average" if not parts else ""
                words = name.replace("_", " ").removesuffix(" continuous")
                verb = "would have moved " if not parts else ""
                mean, largest = moved.total / moved.values, moved.largest
                parts.append(
                    f"{words} {verb}by {mean:.{digits}f}{unit}{first} (at most {largest:.{digits}f})"
                )
        said = f"{self.affected:,} of {self.studies:,} studies had left-out candidates among their nearest"
        return f"{said}: with them {', '.join(parts)}" if parts else said
