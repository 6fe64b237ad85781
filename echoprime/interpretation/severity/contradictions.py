"""What contradicts itself within one study: two sections of its report, or a section and a phenotype.

Sections of one report come from different candidates, so they may disagree. A section says of a structure
the worst grade of its sentences. Listed is what lies at least one whole grade apart (mild against moderate)
of two sections; of a binary phenotype a value that both its threshold and one half put on the other side than
the grade (`assets/severity/structures.csv` says which grades count as positive, and which may); of the
ejection fraction two whole grades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.bundle import Phenotype
from echoprime.interpretation.neighbour_phrases import NeighbourPhrases
from echoprime.interpretation.nested import lists, structs
from echoprime.interpretation.sentences import Sentences
from echoprime.interpretation.severity.grading import FIRST_GRADE, PhraseGrades
from echoprime.interpretation.severity.structures import Structure
from echoprime.retrieval import StudyQueries
from echoprime.tables.evidence_types import CONTRADICTION, GRADES

APART, FAR_APART = 2, 4
"""One whole grade, and two, in steps of `GRADES`."""

HALF = 0.5
"""The published thresholds go down to 0.04: most studies that they call positive are not."""

BOUND_GRADES = tuple(GRADES.index(grade) for grade in ("none", "mild", "moderate", "severe"))


@dataclass(frozen=True, eq=False)
class Told:
    """The sentences of studies' reports, and where they stand."""

    sentences: Sentences
    phrases: NeighbourPhrases
    queries: StudyQueries
    sections: Sequence[str]


def contradictions_column(
    grades: PhraseGrades | None,
    told: Told,
    phenotypes: Sequence[Phenotype],
    values: NDArray[np.float64],
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """The `contradictions` column of the interpretations table.

    Parameters
    ----------
    grades
        Of the lexicon; None, or without graded structures: the column is null, as `severity` is.
    told
        The studies' sentences.
    phenotypes
        The bundle's.
    values
        float64 (studies, phenotypes); NaN = unknown.

    Returns
    -------
    pyarrow.ListArray
        (studies,) of `echoprime.tables.schema.CONTRADICTION`, in the order of the structures.
    """
    studies = told.queries.studies
    if grades is None or not grades.graded:
        return pa.nulls(studies, pa.list_(CONTRADICTION))
    phrases, query = told.phrases, told.sentences.query
    section = phrases.section[phrases.of_report[query]]
    codes = grades.codes[grades.lines(section, phrases.phrase[told.sentences.place])]
    sentence, structure = np.nonzero(codes >= FIRST_GRADE)
    grade = codes[sentence, structure].astype(np.int64) - FIRST_GRADE
    asked = query[sentence]
    said = _worst_of_sections(
        _Said(told.queries.study[asked], told.queries.section[asked], structure, grade, sentence)
    )
    rows = [_between_sections(said)]
    names = [each.name for each in phenotypes]
    for number, each in enumerate(grades.structures):
        if each.phenotype in names:
            at = names.index(each.phenotype)
            rows.append(_against_phenotype(said, number, each, phenotypes[at], values[:, at]))
    return _column(np.concatenate(rows), grades.structures, told, studies)


@dataclass(frozen=True, eq=False)
class _Said:
    """Every grade that a sentence gives: int64 arrays of one length."""

    study: NDArray[np.int64]
    section: NDArray[np.int64]
    structure: NDArray[np.int64]
    grade: NDArray[np.int64]
    sentence: NDArray[np.int64]


_ROW = np.dtype(
    [(name, "i8") for name in ("study", "structure", "sentence", "grade", "other", "other_grade")]
    + [("value", "f8")]
)
"""One contradiction; `other` -1 = against the structure's phenotype."""


def _worst_of_sections(said: _Said) -> _Said:
    """Of each study, section and structure the first sentence with the highest grade."""
    worst = _first_of_each(said, ("study", "section", "structure"), -said.grade)
    return _Said(**{each.name: getattr(said, each.name)[worst] for each in fields(said)})


def _between_sections(said: _Said) -> NDArray[Any]:
    """Of each study and structure the section with the highest grade against that with the lowest."""
    highest = _first_of_each(said, ("study", "structure"), -said.grade)
    lowest = _first_of_each(said, ("study", "structure"), said.grade)
    apart = said.grade[highest] - said.grade[lowest] >= APART
    high, low = highest[apart], lowest[apart]
    rows = _rows(said, high)
    rows["other"], rows["other_grade"] = said.sentence[low], said.grade[low]
    return rows


def _first_of_each(said: _Said, keys: Sequence[str], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each group the place of the lowest rank; of equal ones the first sentence."""
    group = np.stack([getattr(said, key) for key in keys])
    order = np.lexsort((said.sentence, rank, *group[::-1]))
    group = group[:, order]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (group[:, 1:] != group[:, :-1]).any(axis=0)
    return order[begins]


def _against_phenotype(
    said: _Said, number: int, structure: Structure, phenotype: Phenotype, values: NDArray[np.float64]
) -> NDArray[Any]:
    mine = np.flatnonzero(said.structure == number)
    value, grade = values[said.study[mine]], said.grade[mine]
    if structure.bounds:
        # bounds fall: 52, 41, 30; what is above the first is of grade none
        below = (value[:, None] < np.array(structure.bounds)).sum(axis=1)
        against = np.abs(np.array(BOUND_GRADES)[below] - grade) >= FAR_APART
    else:
        threshold = HALF if phenotype.threshold is None else phenotype.threshold
        surely_not = grade < GRADES.index(structure.unclear_from)
        surely = grade >= GRADES.index(structure.positive_from)
        against = (surely_not & (value >= max(threshold, HALF))) | (surely & (value < min(threshold, HALF)))
    chosen = against & ~np.isnan(value)
    rows = _rows(said, mine[chosen])
    rows["value"] = value[chosen]
    return rows


def _rows(said: _Said, chosen: NDArray[np.int64]) -> NDArray[Any]:
    rows = np.zeros(len(chosen), _ROW)
    for name in ("study", "structure", "sentence", "grade"):
        rows[name] = getattr(said, name)[chosen]
    rows["other"], rows["value"] = -1, np.nan
    return rows


def _column(rows: NDArray[Any], structures: Sequence[Structure], told: Told, studies: int) -> Any:  # noqa: ANN401
    rows = rows[np.lexsort((rows["sentence"], rows["other"] < 0, rows["structure"], rows["study"]))]
    words, query = told.sentences.words, told.sentences.query
    place = pa.array(told.queries.section[query])  # each sentence's section
    names, grade_names = pa.array(list(told.sections), pa.string()), pa.array(list(GRADES), pa.string())
    phenotype = rows["other"] < 0
    sentence, structure = pa.array(rows["sentence"]), pa.array(rows["structure"])
    other = pa.array(rows["other"], mask=phenotype)
    columns = {
        "structure": pa.array([each.name for each in structures], pa.string()).take(structure),
        "section": names.take(place.take(sentence)),
        "sentence": words.take(sentence),
        "grade": grade_names.take(pa.array(rows["grade"])),
        "other_section": names.take(place.take(other)),
        "other_sentence": words.take(other),
        "other_grade": grade_names.take(pa.array(rows["other_grade"], mask=phenotype)),
        "phenotype": pa.array([each.phenotype for each in structures], pa.string()).take(
            pa.array(rows["structure"], mask=~phenotype)
        ),
        "value": pa.array(rows["value"], mask=~phenotype),
    }
    counts = np.bincount(rows["study"], minlength=studies)
    return lists(counts, structs(columns, CONTRADICTION), CONTRADICTION)
