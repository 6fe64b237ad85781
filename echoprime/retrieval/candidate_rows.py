"""Single candidates out of a set: what they are called, what is known of them, and their coded report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import BundleError
from echoprime.retrieval.searchable import Candidates

CodedReport = tuple[tuple[int, int, str | None], ...]
"""(section, phrase, value) each."""


@dataclass(frozen=True, eq=False)
class CandidateRow:
    """One candidate.

    Attributes
    ----------
    row
        Its number in the set.
    study, patient
        Names; patient "" = unknown.
    embedding
        float32 (512,), a copy.
    labels
        Those that are known.
    report
        Coded by the set's lexicon.
    """

    row: int
    study: str
    patient: str
    embedding: NDArray[np.float32]
    labels: dict[str, float]
    report: CodedReport


def candidate_rows(candidates: Candidates, rows: Sequence[int]) -> list[CandidateRow]:
    """Read some rows, in the order asked for.

    Raises
    ------
    BundleError
        A row is none of the set's.
    """
    for row in rows:
        if not 0 <= row < candidates.rows:
            raise BundleError(f"row {row:,}: the candidate set has rows 0 to {candidates.rows - 1:,}")
    return [_read(candidates, row) for row in rows]


def _read(candidates: Candidates, row: int) -> CandidateRow:
    (part,) = candidates.parts(row, row + 1)
    values = part.table.to_pylist()[0]
    return CandidateRow(
        row=row,
        study=values["study"],
        patient=values["patient"],
        embedding=np.array(part.embeddings[0]),
        labels={name: value for name in candidates.labels if (value := values[f"label_{name}"]) is not None},
        report=tuple((each["section"], each["phrase"], each["value"]) for each in values["report"]),
    )
