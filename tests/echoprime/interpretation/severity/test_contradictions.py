"""What is listed as a contradiction and what is not, one rule after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from echoprime.bundle import Lexicon, Phenotype
from echoprime.interpretation.neighbour_phrases import NeighbourPhrases
from echoprime.interpretation.sentences import Sentences
from echoprime.interpretation.severity import PhraseGrades, severity_column
from echoprime.interpretation.severity.contradictions import Told, contradictions_column
from echoprime.retrieval import StudyQueries

GRADES = ["No", "Trivial", "Mild", "Mild to moderate", "Moderate", "Severe"]
WORDS = {
    "Mitral Valve": {"Flow": [f"{grade} regurgitation." for grade in GRADES]},
    "Pericardium": {"Fluid": ["No effusion.", "Trivial effusion.", "Small effusion.", "Moderate effusion."]},
    "Left Ventricle": {
        "Walls": ["Severe asymmetric septal hypertrophy.", "Posterior wall thickness is normal."]
    },
    "Left Atrium": {"Flow": [f"{grade} mitral regurgitation." for grade in GRADES]},
    "Right Atrium": {"Size": ["Not dilated.", "Mildly dilated.", "Moderately dilated."]},
}
SECTIONS = tuple(WORDS)


def listed(
    said: list[tuple[str, str]],
    phenotype: Phenotype | None = None,
    value: float = float("nan"),
    words: dict[str, dict[str, list[str]]] = WORDS,
) -> list[dict[str, Any]] | None:
    """The contradictions of one study whose report says these sentences."""
    lexicon = Lexicon.from_phrases(words)
    names = list(words)
    spoken = [section for section in names if section in {each for each, _ in said}]
    each = [[phrase for section, phrase in said if section == name] for name in spoken]
    flat = [text for phrases in each for text in phrases]
    numbers = [
        lexicon.phrases[lexicon.sections.index(name)].index(text)
        for name, phrases in zip(spoken, each, strict=True)
        for text in phrases
    ]
    counts = np.array([len(phrases) for phrases in each])
    queries, zeros = np.arange(len(spoken)), np.zeros(len(flat), np.int64)
    section = np.array([names.index(name) for name in spoken])
    phrases = NeighbourPhrases(
        section, np.cumsum(counts) - counts, counts, np.array(numbers), pa.nulls(len(flat), pa.string()),
        queries[:, None], queries,
    )  # fmt: skip
    sentences = Sentences(
        np.repeat(queries, counts), np.arange(len(flat)), zeros, zeros, 0 * queries, 0 * queries,
        pa.array(flat),
    )  # fmt: skip
    asked = StudyQueries(
        np.zeros((len(spoken), 512), np.float32), 0 * queries, section, np.ones((1, len(names)), np.bool_),
        np.ones(1, np.int64), np.zeros(1, np.int64), np.ones((1, len(names))),
    )  # fmt: skip
    found = contradictions_column(
        PhraseGrades.of(lexicon),
        Told(sentences, phrases, asked, names),
        [] if phenotype is None else [phenotype],
        np.array([[value]] if phenotype is not None else np.zeros((1, 0))),
    ).to_pylist()
    return found[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("grade", "value", "threshold", "against"),
    [
        # the published thresholds are low: a call alone contradicts nothing
        ("No", 0.07, 0.06, False),
        ("Mild", 0.49, 0.06, False),
        ("Mild", 0.5, 0.06, True),
        ("Severe", 0.07, 0.06, False),
        ("Severe", 0.05, 0.06, True),
        # ... or high
        ("No", 0.6, 0.78, False),
        ("No", 0.78, 0.78, True),
        ("Moderate", 0.6, 0.78, False),
        ("Moderate", 0.49, 0.78, True),
        # there may be none
        ("Severe", 0.49, None, True),
        ("Trivial", 0.5, None, True),
        # on neither side of moderate
        ("Mild to moderate", 0.0, 0.06, False),
        ("Mild to moderate", 1.0, 0.06, False),
        # unknown
        ("Severe", float("nan"), 0.06, False),
    ],
)
def test_call_and_half_must_both_disagree(
    grade: str, value: float, threshold: float | None, against: bool
) -> None:
    phenotype = Phenotype("mitral_regurgitation", "Mitral Valve", "binary", threshold=threshold)
    assert bool(listed([("Mitral Valve", f"{grade} regurgitation.")], phenotype, value)) == against


@pytest.mark.parametrize(
    ("section", "sentence", "name", "value", "against"),
    [
        # fluid is fluid, however little; a trace of it may be called either
        ("Pericardium", "Small effusion.", "pericardial_effusion", 0.9, False),
        ("Pericardium", "Small effusion.", "pericardial_effusion", 0.1, True),
        ("Pericardium", "Trivial effusion.", "pericardial_effusion", 0.9, False),
        ("Pericardium", "Trivial effusion.", "pericardial_effusion", 0.1, False),
        ("Pericardium", "No effusion.", "pericardial_effusion", 0.9, True),
        # a mildly dilated chamber may be called either
        ("Right Atrium", "Mildly dilated.", "right_atrium_dilation", 0.9, False),
        ("Right Atrium", "Mildly dilated.", "right_atrium_dilation", 0.1, False),
        ("Right Atrium", "Moderately dilated.", "right_atrium_dilation", 0.1, True),
        ("Right Atrium", "Not dilated.", "right_atrium_dilation", 0.9, True),
    ],
)
def test_what_counts_as_positive_is_the_structures(
    section: str, sentence: str, name: str, value: float, against: bool
) -> None:
    assert bool(listed([(section, sentence)], Phenotype(name, section, "binary"), value)) == against


def test_one_section_says_its_worst_grade() -> None:
    walls = [("Left Ventricle", each) for each in WORDS["Left Ventricle"]["Walls"]]
    assert listed(walls) == []
    jets = [("Mitral Valve", "No regurgitation."), ("Mitral Valve", "Severe regurgitation.")]
    phenotype = Phenotype("mitral_regurgitation", "Mitral Valve", "binary")
    assert listed(jets, phenotype, 0.9) == []
    found = listed(jets, phenotype, 0.1)
    assert found is not None
    assert [each["sentence"] for each in found] == ["Severe regurgitation."]


def test_the_worst_grades_of_two_sections_are_compared() -> None:
    said = [
        ("Mitral Valve", "No regurgitation."),
        ("Mitral Valve", "Severe regurgitation."),
        ("Left Atrium", "No mitral regurgitation."),
        ("Left Atrium", "Mild mitral regurgitation."),
    ]
    (found,) = listed(said) or []
    assert (found["section"], found["grade"]) == ("Mitral Valve", "severe")
    assert (found["other_section"], found["other_grade"]) == ("Left Atrium", "mild")
    assert found["other_sentence"] == "Mild mitral regurgitation."
    assert listed([said[1], ("Left Atrium", "Severe mitral regurgitation.")]) == []


def test_null_where_severity_is_null() -> None:
    words = {"Mitral Valve": {"Flow": ["No regurgitation.", "Regurgitation."]}}
    phenotype = Phenotype("mitral_regurgitation", "Mitral Valve", "binary")
    assert listed([("Mitral Valve", "No regurgitation.")], phenotype, 0.9, words) is None
    nobody = np.zeros((0, 1), np.int64)
    empty = np.zeros(0, np.int64)
    phrases = NeighbourPhrases(empty, empty, empty, empty, pa.array([], pa.string()), nobody, empty)
    grades = PhraseGrades.of(Lexicon.from_phrases(words))
    column = severity_column(grades, phrases, np.zeros(1, np.int64), np.full((1, 1), -1))
    assert column.to_pylist() == [None]
