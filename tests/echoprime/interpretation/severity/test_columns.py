"""The columns `severity`, `contradictions` and the sections' sentences, against the same in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from echoprime.interpretation.lexicon import decode_phrase
from echoprime.interpretation.severity import PhraseGrades, Structure, Wording, read_structures
from echoprime.retrieval.writing import value_text
from echoprime.tables.evidence_types import GRADE_SCALE, GRADES
from tests.echoprime.interpretation.severity.conftest import Interpreted, K

STRUCTURES = {each.name: each for each in read_structures()}
ABOUT = {each.section: each.anatomy for each in read_structures()}


def said(interpreted: Interpreted, row: int, section: int) -> list[tuple[int, str | None]]:
    """(phrase, value) of the first run of a section in a candidate's report."""
    for number, run in groupby(interpreted.reports[row], key=lambda phrase: phrase[0]):
        if number == section:
            return [(phrase, value_text(value)) for _, phrase, value in run]
    return []


def grades_of(interpreted: Interpreted, section: str, phrase: int) -> dict[str, str]:
    """Structure -> grade of one phrase; "" = named without one."""
    lexicon = interpreted.bundle.lexicon()
    words = lexicon.phrases[lexicon.sections.index(section)][phrase]
    found: dict[str, str] = {}
    for one in Wording.published().statements(words, ABOUT.get(section, "elsewhere")):
        for name, structure in STRUCTURES.items():
            if (structure.anatomy, structure.finding) == (one.anatomy, one.finding):
                found[name] = max(found.get(name, ""), one.grade or "", key=rank)
    return found


def rank(grade: str) -> int:
    return GRADES.index(grade) if grade else -1


def test_severity_is_what_the_neighbours_say(interpreted: Interpreted) -> None:
    sections = interpreted.bundle.lexicon().sections
    lexicon_grades = PhraseGrades.of(interpreted.bundle.lexicon())
    graded = 0
    for row in interpreted.table().to_pylist():
        assert [each["structure"] for each in row["severity"]] == [
            lexicon_grades.structures[number].name for number in lexicon_grades.graded
        ]
        by_name = {each["section"]: each for each in row["sections"]}
        for one in row["severity"]:
            section = STRUCTURES[one["structure"]].section
            votes = []
            for neighbour in by_name[section]["neighbours"]:
                phrases = said(interpreted, neighbour["row"], sections.index(section))
                each = [
                    grades_of(interpreted, section, phrase).get(one["structure"]) for phrase, _ in phrases
                ]
                votes.append(max((grade for grade in each if grade is not None), key=rank, default=None))
            counts = Counter(vote for vote in votes if vote)
            total = counts.total()
            assert one["neighbours"] == total
            assert one["ungraded"] == votes.count("")
            if not total:
                assert one["grade"] is one["expected"] is one["probabilities"] is None
                continue
            graded += 1
            assert one["probabilities"] == [counts[grade] / total for grade in GRADES]
            assert math.isclose(sum(one["probabilities"]), 1, rel_tol=1e-12)
            expected = sum(counts[grade] * scale for grade, scale in zip(GRADES, GRADE_SCALE, strict=True))
            assert one["expected"] == pytest.approx(expected / total)
            ordered = sorted(counts.elements(), key=rank)
            assert one["grade"] == ordered[(total - 1) // 2]
    assert graded > 8


def test_sentences_and_who_else_says_them(interpreted: Interpreted) -> None:
    lexicon = interpreted.bundle.lexicon()
    several = 0
    for row in interpreted.table().to_pylist():
        for section in row["sections"]:
            number = lexicon.sections.index(section["section"])
            if section["report_row"] is None:
                assert section["sentences"] == []
                assert section["describing"] == (0 if section["assessable"] else None)
                continue
            others = [
                said(interpreted, each["row"], number)
                for each in section["neighbours"]
                if each["row"] != section["report_row"]
            ]
            assert section["describing"] == sum(map(bool, others))
            mine = said(interpreted, section["report_row"], number)
            several += len(mine) > 1
            assert section["sentences"] == [
                {
                    "phrase": phrase,
                    "text": decode_phrase(lexicon, number, phrase, value),
                    "value": value,
                    "said_by": sum(phrase in [each for each, _ in other] for other in others),
                    "same_value": None
                    if value is None
                    else sum((phrase, value) in other for other in others),
                    "of": len(others),
                }
                for phrase, value in mine
            ]
            words = " ".join(each["text"] for each in section["sentences"])
            assert section["report"] == f"{section['section']}: {words}"
            assert len(others) in (K - 1, K)
    assert several > 5


def sides(structure: Structure) -> tuple[str, str]:
    """The least grade that may count as positive, and the least that does."""
    if structure.finding == "effusion":
        return "trivial", "mild"
    return ("mild to moderate" if structure.section.endswith("Valve") else "mild"), "moderate"


def expected_contradictions(interpreted: Interpreted, row: dict[str, Any]) -> list[dict[str, Any]]:
    lexicon = interpreted.bundle.lexicon()
    thresholds = {each.name: each.threshold for each in interpreted.bundle.phenotypes}
    found = []
    known = {each.name for each in PhraseGrades.of(lexicon).structures}
    for name, structure in STRUCTURES.items():
        if name not in known:
            continue
        grades = []
        for section in row["sections"]:
            told = [
                (section["section"], sentence["text"], grade)
                for sentence in section["sentences"]
                if (grade := grades_of(interpreted, section["section"], sentence["phrase"]).get(name))
            ]
            grades += [max(told, key=lambda each: rank(each[2]))] if told else []
        nothing = dict.fromkeys(("other_section", "other_sentence", "other_grade", "phenotype", "value"))
        head = ("section", "sentence", "grade")
        if grades:
            low = min(grades, key=lambda each: rank(each[2]))
            high = max(grades, key=lambda each: rank(each[2]))
            if rank(high[2]) - rank(low[2]) >= 2:
                other = dict(zip(("other_section", "other_sentence", "other_grade"), low, strict=True))
                found.append({"structure": name, **dict(zip(head, high, strict=True)), **nothing, **other})
        value = row.get(structure.phenotype) if structure.phenotype else None
        for one in grades if value is not None else ():
            assert value is not None
            if structure.bounds:
                least = [("none", 52), ("mild", 41), ("moderate", 30), ("severe", -1)]
                grade = next(grade for grade, bound in least if value >= bound)
                against = abs(rank(grade) - rank(one[2])) >= 4
            else:
                bounds = [thresholds[structure.phenotype] or 0.5, 0.5]
                may, does = map(rank, sides(structure))
                against = (value >= max(bounds) and rank(one[2]) < may) or (
                    value < min(bounds) and rank(one[2]) >= does
                )
            if against:
                facts = {"phenotype": structure.phenotype, "value": value}
                found.append({"structure": name, **dict(zip(head, one, strict=True)), **nothing, **facts})
    assert all(each["section"] in lexicon.sections for each in found)
    return found


def test_contradictions(interpreted: Interpreted) -> None:
    kinds: Counter[bool] = Counter()
    for row in interpreted.table().to_pylist():
        assert row["contradictions"] == expected_contradictions(interpreted, row)
        kinds.update(each["phenotype"] is None for each in row["contradictions"])
    assert kinds[True] > 0
    assert kinds[False] > 0


def test_another_language_gives_the_same_grades(interpreted: Interpreted) -> None:
    english, italian = interpreted.table(), interpreted.table(language="it")
    assert italian["severity"].equals(english["severity"])
    for one, other in zip(english["sections"].to_pylist(), italian["sections"].to_pylist(), strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert [f"IT {each['text']}" for each in mine["sentences"]] == [
                each["text"] for each in theirs["sentences"]
            ]
            assert [each["said_by"] for each in mine["sentences"]] == [
                each["said_by"] for each in theirs["sentences"]
            ]


@pytest.mark.parametrize("shards", [1, 3, 8])
def test_the_same_whatever_the_shards(interpreted: Interpreted, shards: int) -> None:
    assert interpreted.table(shards=shards).equals(interpreted.table())


def test_more_neighbours_than_candidates(interpreted: Interpreted) -> None:
    for row in interpreted.table(k=100).to_pylist():
        for section in row["sections"]:
            for sentence in section["sentences"]:
                assert sentence["said_by"] <= section["describing"] <= sentence["of"] == 59
