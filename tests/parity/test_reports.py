"""Labels read back out of reports, and reports rebuilt from phrases, are those of the published system.

Golden data as in `test_retrieval`.
"""

import json
import math
import os
import re
from pathlib import Path

import pytest

from echoprime.bundle import Lexicon
from echoprime.interpretation import LabelReader, PhraseRecogniser, decode_report
from echoprime.release import load_pickle
from echoprime.retrieval.writing import value_text

CHOICE = Path(__file__).parents[1] / "data"
GOLDEN = os.environ.get("ECHOPRIME_GOLDEN")
FOLDER = Path(GOLDEN) if GOLDEN else CHOICE
FACTS = json.loads((FOLDER / "retrieval" / "retrieval.json").read_text())
ASSETS = FOLDER / "release" / "assets"
TEXTS = FACTS["decoded_reports_head"]

LEXICON = Lexicon.from_phrases(json.loads((ASSETS / "all_phr.json").read_text()))
RECOGNISER = PhraseRecogniser(LEXICON)
WORDS_GAP = "Regional abnormality of the"
"""The one template with `<string>`: the published pattern loses it, ours does not."""


def coded():
    reports = load_pickle(FOLDER / "release" / "model_data" / "candidates_data" / "candidate_reports.pkl")
    return reports[: len(TEXTS)]


def test_all_sixty_are_compared():
    assert len(TEXTS) == len(FACTS["extract_features_head"]) == len(FACTS["structured_head"]) == 60


@pytest.mark.parametrize("number", range(60))
def test_labels(number):
    groups = load_pickle(ASSETS / "section_to_phenotypes.pkl")
    names = [name for group in groups.values() for name in group]
    reader = LabelReader(json.loads((ASSETS / "per_section.json").read_text()), names)
    assert reader.known == tuple(names)
    found = [None if math.isnan(label) else label for label in reader.read(TEXTS[number])]
    assert found == FACTS["extract_features_head"][number]


def without_words_gaps(text):
    """A rebuilt report without the phrases that only ours recognises."""
    text = re.sub(rf" {WORDS_GAP} [^.\[]*?wall\.", "", text)
    kept = [part for part in text.split("[SEP]") if re.search(r":\s+\S", part)]
    return "[SEP]".join([*kept, ""]).strip()


@pytest.mark.parametrize("number", range(60))
def test_rebuilt(number):
    ours = RECOGNISER.recognise(TEXTS[number]).text
    assert without_words_gaps(ours) == FACTS["structured_head"][number]
    assert ours.count(WORDS_GAP) == TEXTS[number].count(WORDS_GAP)


def test_phrases_with_words_in_them_occur():
    assert sum(text.count(WORDS_GAP) for text in TEXTS) > 5
    assert not any(WORDS_GAP in text for text in FACTS["structured_head"])


def test_recognised_codes_are_those_that_the_text_was_made_of():
    """Decoded, recognised, and the same codes again; an unknown value is one again."""
    unknown = 0
    for report in coded():
        given = [(section, phrase, value_text(value)) for section, phrase, value in report]
        expected = [
            (section, phrase, value if "<" in LEXICON.phrases[section][phrase] else None)
            for section, phrase, value in given
        ]
        found = RECOGNISER.recognise(decode_report(LEXICON, given))
        assert sorted(found.report, key=str) == sorted(set(expected), key=str)
        assert found.unrecognised == ()
        unknown += "not recorded" in decode_report(LEXICON, given)
    assert unknown
