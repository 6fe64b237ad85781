"""Severity as a study's page shows it: grades, sentences with their support, contradictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echoprime.bundle.phenotypes import UNITS
from echoprime.pages.page import number, words
from echoprime.tables.evidence_types import GRADES


def severity_rows(interpretation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every structure that some neighbour says something of, in the order of the table.

    Parameters
    ----------
    interpretation
        A row of an interpretations table.

    Returns
    -------
    list of dict
        name, grade ("" = none is said), expected (None likewise), shares (grade and share, those above 0),
        neighbours, ungraded (counts).
    """
    return [
        {
            "name": each["structure"],
            "grade": each["grade"] or "",
            "expected": each["expected"],
            "shares": [
                (grade, share)
                for grade, share in zip(GRADES, each["probabilities"] or (), strict=False)
                if share > 0
            ],
            "neighbours": each["neighbours"],
            "ungraded": each["ungraded"],
        }
        for each in interpretation.get("severity") or ()
        if each["neighbours"] or each["ungraded"]
    ]


def sentence_rows(section: Mapping[str, Any]) -> list[dict[str, str]]:
    """A section's sentences with what stands behind each.

    Returns
    -------
    list of dict
        text, support ("12 of 49", and how many with the same value where it has one).

    Examples
    --------
    >>> said = {"text": "EF 55 %.", "value": "55", "said_by": 30, "same_value": 4, "of": 49}
    >>> sentence_rows({"sentences": [said]})
    [{'text': 'EF 55 %.', 'support': '30 of 49, 4 with this value'}]
    """
    return [
        {
            "text": each["text"],
            "support": f"{each['said_by']} of {each['of']}"
            + ("" if each["same_value"] is None else f", {each['same_value']} with this value"),
        }
        for each in section.get("sentences") or ()
    ]


def contradiction_lines(interpretation: Mapping[str, Any]) -> list[str]:
    """Each contradiction as one sentence.

    Examples
    --------
    >>> one = {"structure": "mitral_regurgitation", "section": "Mitral Valve", "sentence": "Severe leak.",
    ...        "grade": "severe", "other_section": None, "other_sentence": None, "other_grade": None,
    ...        "phenotype": "mitral_regurgitation", "value": 0.04}
    >>> contradiction_lines({"contradictions": [one], "mitral_regurgitation_call": False})[0][:54]
    'Mitral regurgitation: severe in Mitral Valve ("Severe '
    >>> contradiction_lines({"contradictions": [one], "mitral_regurgitation_call": False})[0][54:]
    'leak."), but the value of mitral regurgitation is 0.04, called no.'
    """
    lines = []
    for each in interpretation.get("contradictions") or ():
        name = words(each["structure"]).capitalize()
        if each["phenotype"] is None:
            other = f'{each["other_grade"]} in {each["other_section"]} ("{each["other_sentence"]}")'
        else:
            call = interpretation.get(f"{each['phenotype']}_call")
            called = "" if call is None else ", called yes" if call else ", called no"
            value = number(each["value"], 1 if each["phenotype"] in UNITS else 2)
            other = f"the value of {words(each['phenotype'])} is {value}{called}"
        lines.append(f'{name}: {each["grade"]} in {each["section"]} ("{each["sentence"]}"), but {other}.')
    return lines
