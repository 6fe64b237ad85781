"""Phrase codes to text: the published layout, and what the original writes wrongly."""

from hypothesis import given
from hypothesis import strategies as st

from echoprime.bundle import Lexicon
from echoprime.interpretation import decode_report, decode_section
from echoprime.interpretation.lexicon import decode_phrase

LEXICON = Lexicon.from_phrases(
    {
        "Aorta": {
            "Size": ["Normal.", "<numerical> to <numerical> cm."],
            "Wall": ["The <string> wall, <string>."],
        },
        "IVC": {"Size": ["Full."]},
        "Odd": {"Both": ["<string> of <numerical>."]},
    }
)


def test_layout_of_a_report():
    report = [(0, 0, None), (0, 1, "4.1"), (1, 0, None), (0, 2, "septal")]
    assert decode_report(LEXICON, report) == (
        "Aorta: Normal. 4.1 to 4.1 cm. [SEP] IVC: Full. [SEP] Aorta: The septal wall, septal. [SEP]"
    )


def test_empty_report():
    assert decode_report(LEXICON, []) == "[SEP]"


def test_strings_are_filled_in_only_where_there_is_no_number():
    assert decode_phrase(LEXICON, 2, 0, "5") == "<string> of 5."


def test_unknown_value_is_not_written_nan():
    """Published: `Root is dilated to nan cm.`"""
    assert decode_section(LEXICON, 0, [(1, None), (2, None)]) == (
        "Aorta: not recorded to not recorded cm. The not recorded wall, not recorded."
    )


def test_another_language_has_its_own_words():
    german = Lexicon.from_phrases({"Aorta": {"W": ["<numerical> cm."]}}, "de", {"not_recorded": "unbekannt"})
    assert decode_section(german, 0, [(0, None), (0, "3")]) == "Aorta: unbekannt cm. 3 cm."


@given(st.text(max_size=20))
def test_values_are_copied_as_they_are(value):
    """Backslashes and brackets in a value are text, not patterns."""
    assert decode_phrase(LEXICON, 0, 2, value) == f"The {value} wall, {value}."
