"""How severe a finding is by what the neighbours' reports say: the `severity` column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.interpretation.neighbour_phrases import NeighbourPhrases
from echoprime.interpretation.nested import lists, structs
from echoprime.interpretation.severity.grading import FIRST_GRADE, UNGRADED, PhraseGrades
from echoprime.tables.evidence_types import GRADE_SCALE, GRADES, SEVERITY

_CODES = FIRST_GRADE + len(GRADES)


def severity_column(
    grades: PhraseGrades | None,
    phrases: NeighbourPhrases,
    bits: NDArray[np.int64],
    position: NDArray[np.int64],
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """The `severity` column of the interpretations table.

    A neighbour gives a structure one grade: the worst that its report says in the structure's section. Shares
    are of the neighbours that give one; what the others may have is not guessed.

    Parameters
    ----------
    grades
        Of the lexicon; None, or without graded structures: the column is null.
    phrases
        The neighbours' of every query.
    bits
        int64 (sections,): number of each row of the section weights in the lexicon.
    position
        int64 (studies, sections): query of each study's section; -1 = not assessable.

    Returns
    -------
    pyarrow.ListArray
        (studies,) of `echoprime.tables.schema.SEVERITY`.
    """
    studies = len(position)
    if grades is None or not grades.graded:
        return pa.nulls(studies, pa.list_(SEVERITY))
    counts = structure_counts(grades, phrases, bits, position)
    graded = counts[:, :, FIRST_GRADE:].reshape(-1, len(GRADES))
    total = graded.sum(axis=1)
    silent = total == 0
    shares = graded / np.maximum(total, 1)[:, None]
    # The least grade that half of them do not exceed.
    median = (2 * graded.cumsum(axis=1) >= total[:, None]).argmax(axis=1)
    expected = (graded @ np.array(GRADE_SCALE)) / np.maximum(total, 1)
    names = pa.array([grades.structures[number].name for number in grades.graded], pa.string())
    widths = np.where(silent, 0, len(GRADES))
    fields = {
        "structure": names.take(pa.array(np.tile(np.arange(len(names)), studies))),
        "grade": pa.array(list(GRADES), pa.string()).take(pa.array(median, mask=silent)),
        "expected": pa.array(expected, mask=silent),
        "probabilities": pa.ListArray.from_arrays(
            pa.array(np.concatenate([[0], widths.cumsum()]), pa.int32()),
            pa.array(shares[~silent].ravel()),
            mask=pa.array(silent),
        ),
        "neighbours": pa.array(total, pa.int32()),
        "ungraded": pa.array(counts[:, :, UNGRADED].ravel(), pa.int32()),
    }
    return lists(np.full(studies, len(names)), structs(fields, SEVERITY), SEVERITY)


def structure_counts(
    grades: PhraseGrades, phrases: NeighbourPhrases, bits: NDArray[np.int64], position: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many neighbours give each code (see `PhraseGrades`): int64 (studies, graded structures, codes)."""
    own, slots = _by_section(grades)
    lines = grades.lines(np.repeat(phrases.section, phrases.counts), phrases.phrase)
    # The last line, silent, is that of neighbours without the section.
    worst = np.zeros((len(phrases.counts) + 1, own.shape[1]), np.uint8)
    speaking = np.flatnonzero(phrases.counts)
    if len(speaking):
        worst[speaking] = np.maximum.reduceat(own[lines], phrases.starts[speaking], axis=0)
    said = worst[phrases.of_neighbour]
    queries, _, width = said.shape
    cell = np.arange(queries)[:, None, None] * width + np.arange(width)
    found = np.bincount((cell * _CODES + said).ravel(), minlength=queries * width * _CODES)
    found = found.reshape(queries, width, _CODES)
    counts = np.zeros((len(position), len(grades.graded), _CODES), np.int64)
    for number, slot in enumerate(slots):
        section = grades.sections[grades.graded[number]]
        for row in np.flatnonzero(bits == section).tolist():
            asked = np.flatnonzero(position[:, row] >= 0)
            counts[asked, number] = found[position[asked, row], slot]
    return counts


def _by_section(grades: PhraseGrades) -> tuple[NDArray[np.uint8], list[int]]:
    """`codes` of the graded structures of each line's own section, side by side; and each one's column."""
    sections = [grades.sections[number] for number in grades.graded]
    slots = [sections[:place].count(section) for place, section in enumerate(sections)]
    own = np.zeros((len(grades.codes), max(slots) + 1), np.uint8)
    for number, section, slot in zip(grades.graded, sections, slots, strict=True):
        here = slice(int(grades.starts[section]), int(grades.starts[section + 1]))
        own[here, slot] = grades.codes[here, number]
    return own, slots
