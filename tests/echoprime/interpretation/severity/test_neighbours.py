"""Shares of grades whatever the neighbours say: they sum to 1, and no order of neighbours changes them."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.bundle import Lexicon
from echoprime.interpretation.neighbour_phrases import NeighbourPhrases
from echoprime.interpretation.severity import PhraseGrades, severity_column
from echoprime.tables.evidence_types import GRADE_SCALE, GRADES
from tests.echoprime.interpretation.severity.test_grading import MINIATURE

LEXICON = Lexicon.from_phrases(json.loads(MINIATURE.read_text()))
READ = PhraseGrades.of(LEXICON)
SECTIONS = np.array([LEXICON.sections.index(name) for name in ("Mitral Valve", "Pericardium", "Aorta")])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), studies=st.integers(0, 4), k=st.integers(1, 9))
def test_shares(data: st.DataObject, studies: int, k: int) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    section = rng.choice(SECTIONS, 30)
    counts = rng.integers(0, 4, 30)
    # some phrases are none of the lexicon's
    phrase = rng.integers(0, 9, int(counts.sum()))
    position = np.where(rng.random((studies, 3)) < 0.8, 0, -1)
    asked = position >= 0
    position[asked] = np.arange(int(asked.sum()))
    own = [np.flatnonzero(section == SECTIONS[row]) for row in np.nonzero(asked)[1]]
    texts = [rng.choice(np.append(each, -1), k) for each in own]
    places = np.array(texts, np.int64).reshape(len(own), k)
    phrases = NeighbourPhrases(
        section, np.cumsum(counts) - counts, counts, phrase, pa.nulls(len(phrase), pa.string()),
        places, np.full(len(own), -1),
    )  # fmt: skip
    column = severity_column(READ, phrases, SECTIONS, position)
    column.validate(full=True)
    mixed = NeighbourPhrases(
        section, phrases.starts, counts, phrase, phrases.value, rng.permuted(places, axis=1),
        phrases.of_report,
    )  # fmt: skip
    assert severity_column(READ, mixed, SECTIONS, position).equals(column)
    assert len(column) == studies
    for row, there in zip(column.to_pylist(), asked, strict=True):
        assert [each["structure"] for each in row] == [READ.structures[number].name for number in READ.graded]
        for one in row:
            assert 0 <= one["neighbours"] + one["ungraded"] <= k
            shares = one["probabilities"]
            if not one["neighbours"]:
                assert shares is one["grade"] is one["expected"] is None
                continue
            assert there.any()
            assert abs(sum(shares) - 1) < 1e-12
            assert shares[GRADES.index(one["grade"])] > 0
            assert abs(np.dot(shares, GRADE_SCALE) - one["expected"]) < 1e-12
            below = sum(shares[: GRADES.index(one["grade"])])
            assert below < 0.5 <= below + shares[GRADES.index(one["grade"])] + 1e-12


def test_without_graded_phrases_it_is_null() -> None:
    silent = PhraseGrades.of(Lexicon.from_phrases({"Mitral Valve": {"Flow": ["No leak.", "Leak."]}}))
    nobody = np.zeros((0, 3), np.int64)
    empty = np.zeros(0, np.int64)
    phrases = NeighbourPhrases(empty, empty, empty, empty, pa.array([], pa.string()), nobody, empty)
    position = np.full((2, 1), -1)
    assert severity_column(silent, phrases, np.zeros(1, np.int64), position).to_pylist() == [None, None]
    assert severity_column(None, phrases, np.zeros(1, np.int64), position).null_count == 2
