"""Lexicons to codes: the miniature's, one without grades, another language."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from echoprime.assets import read_asset
from echoprime.bundle import Lexicon
from echoprime.interpretation.severity import PhraseGrades, read_structures
from echoprime.interpretation.severity.grading import FIRST_GRADE, SILENT, UNGRADED, code
from echoprime.interpretation.severity.words import KINDS, Word
from echoprime.tables.evidence_types import GRADE_SCALE, GRADES
from tests.tiny import phenotypes

MINIATURE = Path(__file__).parents[3] / "data" / "release" / "assets" / "all_phr.json"


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon.from_phrases(json.loads(MINIATURE.read_text()))


def test_the_miniatures_phrases(lexicon: Lexicon) -> None:
    grades = PhraseGrades.of(lexicon)
    assert [each.name for each in grades.structures] == [
        "left_ventricle_systolic_function", "left_ventricle_dilation", "right_ventricle_systolic_function",
        "right_ventricle_dilation", "left_atrium_dilation", "right_atrium_dilation", "mitral_regurgitation",
        "aortic_regurgitation", "tricuspid_regurgitation", "pulmonic_regurgitation", "pericardial_effusion",
    ]  # fmt: skip
    # of the others the phrases say "none" or nothing
    assert [grades.structures[number].name for number in grades.graded] == [
        "left_ventricle_dilation", "mitral_regurgitation", "tricuspid_regurgitation",
        "pulmonic_regurgitation", "pericardial_effusion",
    ]  # fmt: skip
    said = {}
    for structure, section in zip(range(len(grades.structures)), grades.sections, strict=True):
        for phrase, words in enumerate(lexicon.phrases[section]):
            found = int(grades.codes[grades.starts[section] + phrase, structure])
            if found != SILENT:
                grade = "" if found == UNGRADED else GRADES[found - FIRST_GRADE]
                said[grades.structures[structure].name, words] = grade
    assert said["mitral_regurgitation", "Severe leak."] == "severe"
    assert said["left_ventricle_dilation", "Chamber mildly enlarged."] == "mild"
    assert said["left_ventricle_systolic_function", "Pump function is reduced."] == ""
    assert said["pericardial_effusion", "Small fluid collection (+)."] == "mild"
    assert ("mitral_regurgitation", "Narrowed orifice; mean gradient <numerical> mmHg.") not in said


def test_a_lexicon_without_grades_has_no_structures() -> None:
    words = {"Mitral Valve": {"Flow": ["A jet is drawn.", "Leak present."]}, "Aorta": {"Size": ["Seen."]}}
    assert PhraseGrades.of(Lexicon.from_phrases(words)).structures == ()


def test_another_sections_structure_is_known_but_not_its_own() -> None:
    words = {
        "Mitral Valve": {"Flow": ["Severe tricuspid regurgitation."]},
        "Tricuspid Valve": {"Flow": ["Seen."]},
    }
    assert PhraseGrades.of(Lexicon.from_phrases(words)).graded == ()
    words["Tricuspid Valve"]["Flow"].append("No leak.")
    grades = PhraseGrades.of(Lexicon.from_phrases(words))
    assert grades.graded == ()
    assert grades.codes[:, 0].tolist() == [code("severe"), SILENT, code("none"), SILENT]


def test_phrases_that_the_lexicon_does_not_have_are_silent(lexicon: Lexicon) -> None:
    grades = PhraseGrades.of(lexicon)
    lines = grades.lines(np.array([6, 6, 15]), np.array([5, 7, 60_000]))
    assert lines.tolist() == [int(grades.starts[6]) + 5, len(grades.codes) - 1, len(grades.codes) - 1]
    assert not grades.codes[-1].any()


def test_the_tables_fit_each_other() -> None:
    structures = read_structures()
    rows = [line.split(",") for line in read_asset("severity/words.csv").decode().splitlines()[1:]]
    assert {row[0] for row in rows} == set(KINDS)
    findings = {name for row in rows if row[0] in ("finding", "state") for name in row[1].split()}
    places = {name for row in rows if row[0] == "anatomy" for name in row[1].split()}
    assert {each.finding for each in structures} == findings
    assert {each.anatomy for each in structures} == places - {"elsewhere"}
    assert {row[1] for row in rows if row[0] in ("grade", "statement")} == {*GRADES, "unclear"}
    names = {each.name for each in phenotypes()}
    assert {each.phenotype for each in structures} - {""} <= names
    binary = {each.name for each in phenotypes() if each.kind == "binary"}
    for each in structures:
        sides = each.unclear_from, each.positive_from
        if each.phenotype in binary:
            assert 0 < GRADES.index(sides[0]) < GRADES.index(sides[1])
        else:
            assert sides == ("", "")
    assert len(GRADES) == len(GRADE_SCALE)
    assert {each.section for each in structures} <= {each.section for each in phenotypes()} | {
        "Pulmonic Valve"
    }
    with pytest.raises(ValueError, match="no kind of word"):
        Word.from_row("noun", "", "", "x")
