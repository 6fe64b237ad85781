"""What kind of examination a file says it is of, and a study of its files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.reading import read_file
from echoprime.reading.kind_words import kinds_in_text
from echoprime.reading.kinds import KINDS, UNKNOWN, study_kind
from echoprime.tables import STUDY_KINDS


def test_kinds_are_those_of_the_tables():
    assert {*KINDS, UNKNOWN} == set(STUDY_KINDS)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Transthoracic Echo Complete", "transthoracic"),
        ("TTE_ADULT^COMPLETE", "transthoracic"),
        ("Échocardiographie transthoracique", "transthoracic"),
        ("TEE", "transoesophageal"),
        ("ECHO TRANSESOPHAGEAL", "transoesophageal"),
        ("Trans-oesophageal echo (TOE)", "transoesophageal"),
        ("Transösophageale Echokardiographie", "transoesophageal"),
        ("ETO peropératoire", "transoesophageal"),
        ("Ecocardiograma transesofágico", "transoesophageal"),
        ("Transoesofageale echo", "transoesophageal"),
        ("X8-2t", "transoesophageal"),
        ("X7_2t", "transoesophageal"),
        ("Stress Echo", "stress"),
        ("Stressechokardiographie", "stress"),
        ("DSE", "stress"),
        ("Dobutamine viability", "stress"),
        ("Treadmill exercise", "stress"),
        ("Exercise echo", "stress"),
        ("Échographie d'effort", "stress"),
        ("Eco da sforzo", "stress"),
        ("Fahrradergometrie", "stress"),
        ("Bicycle protocol", "stress"),
        ("TTE bubble study", "contrast transthoracic"),
        ("LVO with Definity", "contrast"),
        ("SonoVue", "contrast"),
        ("Kontrastecho", "contrast"),
        ("TTE with contrast", "contrast transthoracic"),
        ("ICE", "intracardiac"),
        ("Intracardiac echo", "intracardiac"),
        ("Echocardiography intracardiac", "intracardiac"),
        ("AcuNav 8F", "intracardiac"),
        ("Paediatric echo", "paediatric"),
        ("PEDIATRIC TTE", "paediatric transthoracic"),
        ("Congenital heart disease", "paediatric"),
        ("Fetal echo", "paediatric"),
        ("Kinderechokardiographie", "paediatric"),
        ("Carotid duplex", "other"),
        ("Vascular lower limb", "other"),
        ("TTE / TEE", "transoesophageal transthoracic"),
    ],
)
def test_words_say_a_kind(text, kinds):
    assert kinds_in_text(text) == set(kinds.split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Echo complete",
        "SERVICE ECHO",
        "Ice cold water",
        "Steel",
        "committee",
        "Fetched",
        "no stress",
        "distress",
        "rule out TEE",
        "r/o stress",
        "without contrast",
        "W/O CONTRAST",
        "w wo contrast",
        "non-contrast",
        "with or without contrast",
        "contrast if needed",
        "contrast: none",
        "ohne Kontrast",
        "kein Stress",
        "sans contraste",
        "stress cardiomyopathy",
        "LV wall stress",
        "exercise intolerance",
        "intracardiac thrombus",
        "pre TEE",
        "TEE cancelled",
        "été",
        "adult congenital",
        "TOE PRESSURE",
        "Heart and Vascular Institute",
        "Heart & Vascular echo",
        "Cardiac/Vascular",
    ],
)
def test_words_that_say_none(text):
    assert kinds_in_text(text) == set()


def test_negation_ends_with_its_clause():
    assert kinds_in_text("No contrast, stress echo") == {"stress"}
    assert kinds_in_text("TTE no stress; TEE") == {"transthoracic", "transoesophageal"}


@given(st.text(max_size=200))
def test_any_text(text):
    assert kinds_in_text(text) <= set(KINDS)


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        ({}, None),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0001"]}, "transthoracic"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TEE"]}, "transoesophageal"),
        ({"ImageType": ["DERIVED", "PRIMARY", "VASCULAR"]}, "other"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "FETAL HEART"]}, "paediatric"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "COLOR"]}, None),
        ({"ImageType": ["DERIVED", "PRIMARY", "EPICARDIAL", "0001"]}, None),
        ({"StudyDescription": "Echo", "SeriesDescription": "DSE peak"}, "stress"),
        ({"ProtocolName": "Paediatric", "StudyDescription": "TTE"}, "paediatric"),
        ({"PerformedProcedureStepDescription": "ICE guided ablation"}, "intracardiac"),
        ({"RequestedProcedureDescription": "TOE"}, "transoesophageal"),
        ({"TransducerData": ["X8-2t", "", ""]}, "transoesophageal"),
        ({"TransducerData": ["X5-1", "", ""]}, None),
        ({"TransducerType": "IV_PHASED"}, "intracardiac"),
        ({"TransducerType": "SECTOR_PHASED"}, None),
        ({"StageName": "Rest", "NumberOfStages": "4"}, "stress"),
        ({"NumberOfStages": "1"}, None),
        ({"ContrastBolusAgent": "Agent"}, "contrast"),
        ({"ContrastBolusAgent": "NONE"}, None),
        ({"PatientAge": "017Y"}, "paediatric"),
        ({"PatientAge": "018Y"}, None),
        ({"PatientAge": "006M"}, "paediatric"),
        ({"PatientAge": "300M"}, None),
        ({"PatientAge": "?"}, None),
        ({"PatientAge": "000Y"}, None),
        ({"PatientAge": "000D"}, None),
        ({"PatientAge": "003D"}, "paediatric"),
        ({"StudyDescription": "TTE congenital", "PatientAge": "045Y"}, "transthoracic"),
        ({"StudyDescription": "TTE congenital", "PatientAge": "005Y"}, "paediatric"),
        ({"StudyDescription": "TTE congenital"}, "paediatric"),
        ({"StudyDescription": "Fetal echo", "PatientAge": "031Y"}, "paediatric"),
        ({"StudyDescription": "Stress TTE with contrast", "PatientAge": "012Y"}, "stress"),
        ({"SpecificCharacterSet": "ISO_IR 100", "StudyDescription": "Transösophageal"}, "transoesophageal"),
    ],
)
def test_headers_say_a_kind(make, elements, kind):
    assert read_file(make.dicom(make.loop(), "RGB", **elements)).facts.kind == kind


def test_a_skipped_video_says_its_kind_too(make):
    reading = read_file(make.dicom(make.loop(count=1), "RGB", StudyDescription="TEE"))
    assert (reading.outcome, reading.facts.kind) == ("skipped", "transoesophageal")


@given(st.lists(st.sampled_from([None, *KINDS]), max_size=8))
def test_the_order_of_videos_does_not_matter(kinds):
    assert study_kind(kinds) == study_kind(reversed(kinds)) == study_kind([*kinds, *kinds])
