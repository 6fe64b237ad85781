"""Phrases found again in reports as people write them, and in those that we write."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.bundle import Lexicon
from echoprime.errors import BundleError
from echoprime.interpretation import LabelReader, PhraseRecogniser, decode_report

LEXICON = Lexicon.from_phrases(
    {
        "Left Ventricle": {
            "Size": ["Normal size.", "Mild (+) or more.", "EF <numerical> %."],
            "Wall": [
                "Abnormality of the <string> wall, <numerical> mm.",
                "The <string> wall is thin.",
                "Seen from <string>.",
            ],
        },
        "Aorta": {"Root": ["Root of <numerical> to <numerical> cm.", "Normal size.", "[sic"]},
        "Pulmonary Artery": {"Pressure": []},
    }
)
RECOGNISER = PhraseRecogniser(LEXICON)


def report(text: str) -> list[tuple[int, int, str | None]]:
    return list(RECOGNISER.recognise(text).report)


def test_sections_by_lines_by_closings_and_in_capitals() -> None:
    expected = [(0, 0, None), (1, 1, None)]
    assert report("Left Ventricle: Normal size. [SEP] Aorta: Normal size. [SEP]") == expected
    assert report("Left Ventricle: Normal size. [SEP]Aorta: Normal size. [SEP]") == expected
    assert report("LEFT VENTRICLE:\n  normal\n  size.\n\nAORTA : Normal size.") == expected
    assert report("Aorta: Normal size. Left Ventricle: Normal size.") == expected
    assert report("Normal size.") == []
    assert report("") == []


def test_a_section_inside_a_sentence_is_no_header() -> None:
    found = RECOGNISER.recognise("Left Ventricle: Normal size. The ascending Aorta: 4 cm.")
    assert found.report == ((0, 0, None),)
    assert found.unrecognised == (("Left Ventricle", "The ascending Aorta: 4 cm."),)


def test_brackets_and_plus_stand_for_themselves_and_broken_patterns_too() -> None:
    assert report("Left Ventricle: Mild (+) or more. [SEP] Aorta: [sic [SEP]") == [(0, 1, None), (1, 2, None)]


def test_words_run_to_what_follows_in_the_template() -> None:
    """Published: a template that goes on after its words never matches."""
    text = (
        "Left Ventricle: The anterior and 1.5 cm long septal wall is thin. Seen from two good windows. [SEP]"
    )
    assert report(text) == [(0, 4, "anterior and 1.5 cm long septal"), (0, 5, "two good windows")]
    assert report("Left Ventricle: The wall moves. Another wall is thin. [SEP]") == []
    assert report("Left Ventricle: Seen from 2.5 cm above. [SEP]") == [(0, 5, "2.5 cm above")]


def test_a_number_goes_before_words() -> None:
    assert report("Left Ventricle: Abnormality of the septal wall, 7 mm. [SEP]") == [(0, 3, "7")]


def test_several_values_are_not_made_one() -> None:
    found = RECOGNISER.recognise("Aorta: Root of 3.5 to 4 cm. Root of 3 to 3 cm. [SEP]")
    assert found.report == ((1, 0, None), (1, 0, "3"))
    assert found.several_values == 1
    assert found.text == "Aorta: Root of 3.5 to 4 cm. Root of 3 to 3 cm. [SEP]"


def test_what_is_said_twice_is_coded_once() -> None:
    found = RECOGNISER.recognise("Aorta: Normal size. Normal size. And more. [SEP]")
    assert found.report == ((1, 1, None),)
    assert found.unrecognised == (("Aorta", "And more."),)


coded = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.one_of(st.none(), st.integers(0, 999).map(str))),
    max_size=6,
)


@given(coded)
def test_what_we_write_is_read_again(phrases: list[tuple[int, int, str | None]]) -> None:
    """Also the words for a value that is not known."""
    given_ = sorted(phrases, key=lambda phrase: phrase[0])
    text = decode_report(LEXICON, given_)
    expected = {(s, p, value if "<" in LEXICON.phrases[s][p] else None) for s, p, value in given_}
    found = RECOGNISER.recognise(text)
    assert set(found.report) == expected
    assert found.unrecognised == ()
    assert RECOGNISER.recognise(found.text) == found


def test_labels_of_numbers_take_the_first_source_that_has_one() -> None:
    sources = {"ef": {"mode": "regression", "label_sources": ["EF by planes <#>", "EF (bi <#>", "EF <#>"]}}
    reader = LabelReader(sources, ["ef"])
    assert reader.read("ef 45 %. EF by\nplanes 51.25 %").tolist() == [51.25]
    assert reader.read("EF (bi 40").tolist() == [40.0]
    assert math.isnan(reader.read("EF is low")[0])


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(BundleError, match="mode 'fuzzy' of 'ef'"):
        LabelReader({"ef": {"mode": "fuzzy", "label_sources": []}}, ["ef"])
