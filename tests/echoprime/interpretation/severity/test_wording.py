"""Sentences as reports have them: positive, denied, ranges, several structures, hedged."""

from __future__ import annotations

import pytest

from echoprime.interpretation.severity import Wording
from echoprime.tables.evidence_types import GRADES

MV, AV, TV, PV = "mitral_valve", "aortic_valve", "tricuspid_valve", "pulmonic_valve"
LV, RV, LA, RA = "left_ventricle", "right_ventricle", "left_atrium", "right_atrium"
PC, NO = "pericardium", "elsewhere"

SENTENCES: list[tuple[str, str, dict[str, str]]] = [
    # regurgitation: every grade, before and behind
    ("No mitral regurgitation.", MV, {"mitral_valve regurgitation": "none"}),
    ("There is no evidence of mitral valve regurgitation.", MV, {"mitral_valve regurgitation": "none"}),
    ("Trace mitral regurgitation.", MV, {"mitral_valve regurgitation": "trivial"}),
    ("Trivial (physiologic) mitral regurgitation.", MV, {"mitral_valve regurgitation": "trivial"}),
    ("Mild mitral regurgitation is present.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Mild to moderate mitral regurgitation.", MV, {"mitral_valve regurgitation": "mild to moderate"}),
    ("Mild-moderate mitral regurgitation.", MV, {"mitral_valve regurgitation": "mild to moderate"}),
    ("Mild-to-moderate eccentric regurgitation.", MV, {"mitral_valve regurgitation": "mild to moderate"}),
    ("Mild/moderate regurgitation.", MV, {"mitral_valve regurgitation": "mild to moderate"}),
    ("Mild \N{EN DASH} moderate regurgitation.", MV, {"mitral_valve regurgitation": "mild to moderate"}),
    ("Moderate, posteriorly directed regurgitation.", MV, {"mitral_valve regurgitation": "moderate"}),
    ("Moderate-severe mitral regurgitation.", MV, {"mitral_valve regurgitation": "moderate to severe"}),
    ("Moderately severe regurgitation.", MV, {"mitral_valve regurgitation": "moderate to severe"}),
    ("Moderate to severe (3+) MR.", MV, {"mitral_valve regurgitation": "moderate to severe"}),
    ("Severe mitral regurgitation.", MV, {"mitral_valve regurgitation": "severe"}),
    ("SEVERE MITRAL REGURGITATION.", MV, {"mitral_valve regurgitation": "severe"}),
    ("Mitral regurgitation is moderate to severe.", MV, {"mitral_valve regurgitation": "moderate to severe"}),
    ("Mitral regurgitation: none.", MV, {"mitral_valve regurgitation": "none"}),
    ("Regurgitation, mild.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Regurgitation (trace).", MV, {"mitral_valve regurgitation": "trivial"}),
    ("Regurgitation is not seen.", MV, {"mitral_valve regurgitation": "none"}),
    ("Moderate (2+) aortic insufficiency.", AV, {"aortic_valve regurgitation": "moderate"}),
    ("2+ AI.", AV, {"aortic_valve regurgitation": "mild to moderate"}),
    ("4+ TR.", TV, {"tricuspid_valve regurgitation": "severe"}),
    ("Torrential tricuspid regurgitation.", TV, {"tricuspid_valve regurgitation": "severe"}),
    ("Trace to mild tricuspid regurgitation.", TV, {"tricuspid_valve regurgitation": "mild"}),
    ("Physiologic pulmonic regurgitation.", PV, {"pulmonic_valve regurgitation": "trivial"}),
    ("Trivial pulmonary regurgitation.", PV, {"pulmonic_valve regurgitation": "trivial"}),
    ("Mild regurgitation of the aortic valve.", MV, {"aortic_valve regurgitation": "mild"}),
    (
        "Mild posteriorly directed eccentric jet of mitral regurgitation.",
        MV,
        {"mitral_valve regurgitation": "mild"},
    ),
    # stenosis
    ("Critical aortic stenosis.", AV, {"aortic_valve stenosis": "severe"}),
    ("Severe AS with a mean gradient of <numerical> mmHg.", AV, {"aortic_valve stenosis": "severe"}),
    ("Mild mitral stenosis; mean gradient <numerical> mmHg.", MV, {"mitral_valve stenosis": "mild"}),
    ("The valve is severely stenotic.", AV, {"aortic_valve stenosis": "severe"}),
    ("No pulmonary valve stenosis.", PV, {"pulmonic_valve stenosis": "none"}),
    ("Findings are consistent with moderate aortic stenosis.", AV, {"aortic_valve stenosis": "moderate"}),
    # several structures and findings in one phrase
    (
        "No stenosis or regurgitation.",
        AV,
        {"aortic_valve stenosis": "none", "aortic_valve regurgitation": "none"},
    ),
    (
        "Mild regurgitation without stenosis.",
        AV,
        {"aortic_valve regurgitation": "mild", "aortic_valve stenosis": "none"},
    ),
    (
        "No stenosis, regurgitation is mild.",
        AV,
        {"aortic_valve stenosis": "none", "aortic_valve regurgitation": "mild"},
    ),
    (
        "No stenosis and regurgitation is mild.",
        AV,
        {"aortic_valve stenosis": "none", "aortic_valve regurgitation": "mild"},
    ),
    (
        "Moderate stenosis and regurgitation.",
        AV,
        {"aortic_valve stenosis": "moderate", "aortic_valve regurgitation": "moderate"},
    ),
    (
        "Regurgitation is mild and stenosis is severe.",
        AV,
        {"aortic_valve stenosis": "severe", "aortic_valve regurgitation": "mild"},
    ),
    (
        "Regurgitation and moderate stenosis.",
        AV,
        {"aortic_valve regurgitation": "", "aortic_valve stenosis": "moderate"},
    ),
    (
        "Mild mitral and tricuspid regurgitation.",
        MV,
        {"mitral_valve regurgitation": "mild", "tricuspid_valve regurgitation": "mild"},
    ),
    (
        "Mild mitral regurgitation and moderate tricuspid regurgitation.",
        TV,
        {"mitral_valve regurgitation": "mild", "tricuspid_valve regurgitation": "moderate"},
    ),
    (
        "Mild MR and TR.",
        MV,
        {"mitral_valve regurgitation": "mild", "tricuspid_valve regurgitation": "mild"},
    ),
    (
        "Mild mitral regurgitation and left atrial enlargement.",
        MV,
        {"mitral_valve regurgitation": "mild", "left_atrium dilation": ""},
    ),
    (
        "No regurgitation, stenosis or prolapse.",
        MV,
        {"mitral_valve regurgitation": "none", "mitral_valve stenosis": "none"},
    ),
    ("No thrombus, vegetation, or effusion.", PC, {"pericardium effusion": "none"}),
    ("No mitral valve prolapse.", MV, {}),
    # what a grade is about that is not graded
    ("Moderate mitral annular calcification with mild stenosis.", MV, {"mitral_valve stenosis": "mild"}),
    ("Mild calcification and regurgitation.", MV, {"mitral_valve regurgitation": ""}),
    ("Mildly thickened leaflets with no regurgitation.", MV, {"mitral_valve regurgitation": "none"}),
    ("Normal leaflets. Regurgitation is present.", MV, {"mitral_valve regurgitation": ""}),
    ("Structurally normal mitral valve with mild regurgitation.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Mild aortic sclerosis without stenosis.", AV, {"aortic_valve stenosis": "none"}),
    ("Severe subaortic stenosis.", AV, {"elsewhere stenosis": "severe"}),
    ("Mild paravalvular leak.", AV, {}),
    ("Moderate pulmonary hypertension.", PV, {}),
    ("Mildly elevated right ventricular systolic pressure.", RV, {}),
    # size
    ("The left ventricle is mildly dilated.", LV, {"left_ventricle dilation": "mild"}),
    ("Severely dilated left ventricle.", LV, {"left_ventricle dilation": "severe"}),
    ("Left ventricular size is normal.", LV, {"left_ventricle dilation": "none"}),
    ("Chamber size within normal limits.", LV, {"left_ventricle dilation": "none"}),
    ("Left ventricular size is mildly decreased.", LV, {"left_ventricle dilation": ""}),
    ("Small left ventricular cavity size.", LV, {"left_ventricle dilation": ""}),
    ("Chamber mildly enlarged.", LV, {"left_ventricle dilation": "mild"}),
    ("Normal chamber dimensions.", RV, {"right_ventricle dilation": "none"}),
    ("The chamber is dilated.", RV, {"right_ventricle dilation": ""}),
    ("Not enlarged.", LA, {"left_atrium dilation": "none"}),
    ("The left atrium is not dilated.", LA, {"left_atrium dilation": "none"}),
    ("Left atrial volume index is moderately increased.", LA, {"left_atrium dilation": "moderate"}),
    ("Mild to moderately dilated left atrium.", LA, {"left_atrium dilation": "mild to moderate"}),
    ("Moderate dilation of the left atrium.", RA, {"left_atrium dilation": "moderate"}),
    (
        "Both atria are severely enlarged.",
        RA,
        {"left_atrium dilation": "severe", "right_atrium dilation": "severe"},
    ),
    ("Mild biatrial enlargement.", LA, {"left_atrium dilation": "mild", "right_atrium dilation": "mild"}),
    (
        "Normal left and right ventricular size.",
        LV,
        {"left_ventricle dilation": "none", "right_ventricle dilation": "none"},
    ),
    ("The aortic root is mildly dilated.", NO, {"elsewhere dilation": "mild"}),
    ("The aortic root is mildly dilated.", AV, {"elsewhere dilation": "mild"}),
    ("The left atrial appendage is mildly dilated.", LA, {"elsewhere dilation": "mild"}),
    # function
    ("Left ventricular systolic function is normal.", LV, {"left_ventricle systolic_function": "none"}),
    ("Low normal systolic function.", LV, {"left_ventricle systolic_function": "none"}),
    ("Hyperdynamic systolic function.", LV, {"left_ventricle systolic_function": "none"}),
    ("Mildly reduced systolic function.", LV, {"left_ventricle systolic_function": "mild"}),
    ("Ejection fraction is severely depressed.", LV, {"left_ventricle systolic_function": "severe"}),
    (
        "Mild to moderate global systolic dysfunction.",
        LV,
        {"left_ventricle systolic_function": "mild to moderate"},
    ),
    ("Ejection fraction is <numerical> %.", LV, {"left_ventricle systolic_function": ""}),
    ("Systolic function is reduced.", LV, {"left_ventricle systolic_function": ""}),
    ("Normal to mildly reduced systolic function.", LV, {"left_ventricle systolic_function": ""}),
    ("Moderately reduced RV function.", RV, {"right_ventricle systolic_function": "moderate"}),
    ("Pump function is preserved.", LV, {"left_ventricle systolic_function": "none"}),
    ("Normal wall motion.", LV, {}),
    ("Severe global hypokinesis.", LV, {}),
    (
        "Normal left ventricular size and systolic function.",
        LV,
        {"left_ventricle dilation": "none", "left_ventricle systolic_function": "none"},
    ),
    (
        "The right ventricle is normal in size and function.",
        RV,
        {"right_ventricle dilation": "none", "right_ventricle systolic_function": "none"},
    ),
    (
        "The left ventricle is normal in size with mildly reduced systolic function.",
        LV,
        {"left_ventricle dilation": "none", "left_ventricle systolic_function": "mild"},
    ),
    (
        "Left ventricle is mildly dilated with preserved systolic function.",
        LV,
        {"left_ventricle dilation": "mild", "left_ventricle systolic_function": "none"},
    ),
    (
        "Systolic function and size are normal.",
        RV,
        {"right_ventricle systolic_function": "none", "right_ventricle dilation": "none"},
    ),
    (
        "Systolic and diastolic function are normal.",
        LV,
        {"left_ventricle systolic_function": "none", "left_ventricle diastolic_function": "none"},
    ),
    (
        "Mildly dilated, mildly hypertrophied left ventricle with moderately reduced systolic function.",
        LV,
        {
            "left_ventricle dilation": "mild",
            "left_ventricle hypertrophy": "mild",
            "left_ventricle systolic_function": "moderate",
        },
    ),
    # diastolic function
    (
        "Grade I diastolic dysfunction (impaired relaxation).",
        LV,
        {"left_ventricle diastolic_function": "mild"},
    ),
    ("Grade 2 diastolic dysfunction.", LV, {"left_ventricle diastolic_function": "moderate"}),
    ("Diastolic dysfunction, grade III.", LV, {"left_ventricle diastolic_function": "severe"}),
    ("Grade I-II diastolic dysfunction.", LV, {"left_ventricle diastolic_function": ""}),
    ("Pseudonormal filling pattern.", LV, {"left_ventricle diastolic_function": "moderate"}),
    ("Restrictive filling pattern.", LV, {"left_ventricle diastolic_function": "severe"}),
    ("Impaired relaxation.", LV, {"left_ventricle diastolic_function": "mild"}),
    ("Diastolic function is indeterminate.", LV, {"left_ventricle diastolic_function": ""}),
    ("Normal diastolic function for age.", LV, {"left_ventricle diastolic_function": "none"}),
    # hypertrophy
    ("Mild concentric left ventricular hypertrophy.", LV, {"left_ventricle hypertrophy": "mild"}),
    ("No LVH.", LV, {"left_ventricle hypertrophy": "none"}),
    ("Wall thickness is moderately increased.", LV, {"left_ventricle hypertrophy": "moderate"}),
    ("Normal wall thickness.", LV, {"left_ventricle hypertrophy": "none"}),
    ("Wall thickness is at the upper limits of normal.", LV, {"left_ventricle hypertrophy": ""}),
    ("Severe asymmetric septal hypertrophy.", LV, {"left_ventricle hypertrophy": "severe"}),
    ("Mild lipomatous hypertrophy.", NO, {}),
    ("Mild right ventricular hypertrophy.", LV, {"right_ventricle hypertrophy": "mild"}),
    # effusion
    ("No pericardial effusion.", PC, {"pericardium effusion": "none"}),
    ("Trivial pericardial effusion, no tamponade.", PC, {"pericardium effusion": "trivial"}),
    ("Small circumferential pericardial effusion.", PC, {"pericardium effusion": "mild"}),
    (
        "Small to moderate pericardial effusion without tamponade.",
        PC,
        {"pericardium effusion": "mild to moderate"},
    ),
    ("Moderate-sized effusion.", PC, {"pericardium effusion": "moderate"}),
    ("Large pericardial effusion.", PC, {"pericardium effusion": "severe"}),
    ("Small fluid collection (+).", PC, {"pericardium effusion": "mild"}),
    ("Pericardial effusion: none", PC, {"pericardium effusion": "none"}),
    ("Large pleural effusion.", PC, {"elsewhere effusion": "severe"}),
    (
        "Small pericardial effusion and large left pleural effusion.",
        PC,
        {"pericardium effusion": "mild", "elsewhere effusion": "severe"},
    ),
    # bounds, hedges, comparisons: named, not graded
    ("No significant regurgitation.", MV, {"mitral_valve regurgitation": ""}),
    ("No evidence of severe stenosis.", AV, {"aortic_valve stenosis": ""}),
    ("No more than mild regurgitation.", MV, {"mitral_valve regurgitation": ""}),
    ("At least moderate regurgitation.", MV, {"mitral_valve regurgitation": ""}),
    ("Regurgitation is not severe.", MV, {"mitral_valve regurgitation": ""}),
    ("Systolic function is not normal.", LV, {"left_ventricle systolic_function": ""}),
    ("Possible mild stenosis.", AV, {"aortic_valve stenosis": ""}),
    # a denied grade is no grade: "severe stenosis is absent" does not say that mild stenosis is
    ("Severe aortic stenosis is not present.", AV, {"aortic_valve stenosis": ""}),
    ("Severe aortic stenosis is absent.", AV, {"aortic_valve stenosis": ""}),
    ("Severe aortic stenosis is excluded.", AV, {"aortic_valve stenosis": ""}),
    ("Severe aortic stenosis is ruled out.", AV, {"aortic_valve stenosis": ""}),
    ("Severe aortic stenosis has been ruled out.", AV, {"aortic_valve stenosis": ""}),
    ("Severe aortic stenosis is unlikely.", AV, {"aortic_valve stenosis": ""}),
    ("Severe regurgitation was not seen.", MV, {"mitral_valve regurgitation": ""}),
    ("Severe regurgitation is not clearly present.", MV, {"mitral_valve regurgitation": ""}),
    ("A large pericardial effusion is absent.", PC, {"pericardium effusion": ""}),
    ("Mild regurgitation not present.", MV, {"mitral_valve regurgitation": ""}),
    ("Mild regurgitation, not severe.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Severe regurgitation: absent.", MV, {"mitral_valve regurgitation": ""}),
    (
        "Severe stenosis and regurgitation are absent.",
        MV,
        {"mitral_valve stenosis": "", "mitral_valve regurgitation": ""},
    ),
    (
        "Severe regurgitation is absent; stenosis is mild.",
        MV,
        {"mitral_valve regurgitation": "", "mitral_valve stenosis": "mild"},
    ),
    ("Severe regurgitation of the mitral valve is absent.", MV, {"mitral_valve regurgitation": ""}),
    # ... but what is denied without a grade is none, and what is denied behind it is its own
    ("Regurgitation is absent.", MV, {"mitral_valve regurgitation": "none"}),
    ("Regurgitation not present.", MV, {"mitral_valve regurgitation": "none"}),
    (
        "Severe regurgitation is present without stenosis.",
        MV,
        {"mitral_valve regurgitation": "severe", "mitral_valve stenosis": "none"},
    ),
    (
        "Severe regurgitation, no stenosis.",
        MV,
        {"mitral_valve regurgitation": "severe", "mitral_valve stenosis": "none"},
    ),
    (
        "Severe regurgitation and no stenosis.",
        MV,
        {"mitral_valve regurgitation": "severe", "mitral_valve stenosis": "none"},
    ),
    ("Mild regurgitation with no prolapse.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Mild regurgitation, no prolapse.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Mild regurgitation is not associated with prolapse.", MV, {"mitral_valve regurgitation": ""}),
    (
        "Severely dilated left ventricle with normal systolic function.",
        LV,
        {"left_ventricle dilation": "severe", "left_ventricle systolic_function": "none"},
    ),
    ("Mild regurgitation, leaflets normal.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Mild regurgitation and the valve is normal.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Regurgitation is mild and prolapse is absent.", MV, {"mitral_valve regurgitation": "mild"}),
    ("Mild regurgitation, pulmonary veins are not seen.", MV, {"mitral_valve regurgitation": "mild"}),
    (
        "Severe stenosis is absent, regurgitation is mild.",
        AV,
        {"aortic_valve stenosis": "", "aortic_valve regurgitation": "mild"},
    ),
    ("The left ventricle is mildly dilated, otherwise normal.", LV, {"left_ventricle dilation": "mild"}),
    # two grades to choose from
    ("Mild or moderate stenosis.", AV, {"aortic_valve stenosis": ""}),
    ("Stenosis is moderate or severe.", AV, {"aortic_valve stenosis": ""}),
    ("Systolic function is mildly reduced to low normal.", LV, {"left_ventricle systolic_function": ""}),
    (
        "Regurgitation is absent and severe stenosis is seen.",
        AV,
        {"aortic_valve regurgitation": "none", "aortic_valve stenosis": "severe"},
    ),
    ("Moderate vs severe stenosis.", AV, {"aortic_valve stenosis": ""}),
    ("Moderate versus severe stenosis.", AV, {"aortic_valve stenosis": ""}),
    ("Moderate vs. severe stenosis.", AV, {"aortic_valve stenosis": ""}),
    ("Mildly reduced to low normal systolic function.", LV, {"left_ventricle systolic_function": ""}),
    ("Low normal to mildly reduced systolic function.", LV, {"left_ventricle systolic_function": ""}),
    ("Mild stenosis cannot be excluded.", AV, {"aortic_valve stenosis": ""}),
    ("Regurgitation is not well seen.", MV, {"mitral_valve regurgitation": ""}),
    (
        "Compared to prior, regurgitation has decreased from severe to mild.",
        MV,
        {"mitral_valve regurgitation": ""},
    ),
    ("Mild to severe regurgitation.", MV, {"mitral_valve regurgitation": ""}),
    ("Severe <string> of the valve.", MV, {}),
    ("Leaflets are thin.", MV, {}),
    ("Not assessable.", LV, {}),
    ("", LV, {}),
]


def _rank(grade: str) -> int:
    return GRADES.index(grade) if grade else -1


@pytest.mark.parametrize(("sentence", "anatomy", "expected"), SENTENCES)
def test_what_a_sentence_says(sentence: str, anatomy: str, expected: dict[str, str]) -> None:
    found: dict[str, str] = {}
    for said in Wording.published().statements(sentence, anatomy):
        name = f"{said.anatomy} {said.finding}"
        # as in `PhraseGrades`: a grade counts before a mention
        found[name] = max(found.get(name, ""), said.grade or "", key=_rank)
    assert found == expected


@pytest.mark.parametrize("grade", GRADES[1:])
@pytest.mark.parametrize(
    "written",
    [
        "{} mitral regurgitation.", "Mitral regurgitation is {}.", "Mitral regurgitation: {}",
        "There is {} leak.", "{} MR without stenosis.", "Leaflets are normal with {} regurgitation.",
        "No stenosis, {} regurgitation.",
    ],
)  # fmt: skip
def test_every_grade_in_every_form(grade: str, written: str) -> None:
    said = Wording.published().statements(written.format(grade), MV)
    assert {each.grade for each in said if each.finding == "regurgitation"} == {grade}


def test_sentences_of_a_phrase_are_read_apart() -> None:
    said = Wording.published().statements("The left atrium is normal in size. Mild regurgitation.", MV)
    assert [(each.anatomy, each.grade) for each in said] == [(LA, "none"), (MV, "mild")]


def test_the_same_phrase_in_another_section_is_of_that_sections_structure() -> None:
    read = Wording.published().statements
    assert [read("Moderate regurgitation.", valve)[0].anatomy for valve in (MV, AV, TV, PV)] == [
        MV,
        AV,
        TV,
        PV,
    ]
