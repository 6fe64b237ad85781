"""What a candidate set knows: how many of its rows have each label, each section, a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from echoprime.retrieval.hits import SECTION_BITS
from echoprime.retrieval.searchable import Candidates


@dataclass(frozen=True)
class Coverage:
    """Counts over all rows of a set.

    Attributes
    ----------
    labels
        Label -> rows that have it.
    sections
        Section's number in the lexicon -> rows whose report has it; without those that none has.
    reports
        Rows with a report.
    phrases
        Coded phrases of all reports.
    patients_known
        Rows with a patient's key.
    """

    labels: dict[str, int]
    sections: dict[int, int]
    reports: int
    phrases: int
    patients_known: int


def coverage(candidates: Candidates) -> Coverage:
    """Count through a set, one pair of files after the other; embeddings are not read."""
    labels = dict.fromkeys(candidates.labels, 0)
    sections = np.zeros(SECTION_BITS, np.int64)
    reports = phrases = patients = 0
    for part in candidates.parts():
        for name in labels:
            labels[name] += len(part) - part.table.column(f"label_{name}").null_count
        masks = part.table.column("sections").to_numpy(zero_copy_only=False)
        bits = np.arange(SECTION_BITS, dtype=np.uint32)
        sections += np.array([int(((masks >> bit) & 1).sum()) for bit in bits])
        reports += int((masks != 0).sum())
        phrases += pc.sum(pc.list_value_length(part.table.column("report"))).as_py() or 0
        patients += int(pc.sum(pc.not_equal(part.table.column("patient"), "")).as_py() or 0)
    named = {int(bit): int(sections[bit]) for bit in np.flatnonzero(sections)}
    return Coverage(labels, named, reports, phrases, patients)
