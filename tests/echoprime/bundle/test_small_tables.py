"""Section weights, phenotypes and lexicons: to text and back, and what is refused."""

import numpy as np
import pytest

from echoprime.bundle import VIEWS, Lexicon, Phenotype, SectionWeights
from echoprime.bundle.phenotypes import phenotypes_from_csv, phenotypes_to_csv
from echoprime.errors import BundleError

HEADER = "Section," + ",".join(VIEWS)


def test_weights_keep_every_bit():
    weights = np.random.default_rng(0).random((15, 11)).astype(np.float32) ** 9
    given = SectionWeights(tuple(f"section {number}" for number in range(15)), weights)
    np.testing.assert_array_equal(SectionWeights.from_csv(given.to_csv()).weights, weights)


def test_columns_are_found_by_name():
    text = "Section," + ",".join(reversed(VIEWS)) + "\nIVC," + ",".join(str(number) for number in range(11))
    assert SectionWeights.from_csv(text.encode()).weights.tolist() == [list(range(10, -1, -1))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "no sections in it"),
        (HEADER.replace("A5C", "A6C") + "\nIVC" + ",0" * 11, r"missing \['A5C'\], unknown \['A6C'\]"),
        (HEADER + "\nIVC" + ",0" * 11 + "\nIVC" + ",0" * 11, "'IVC' stands in it twice"),
        (HEADER + "\nIVC" + ",0" * 10, "'IVC' has 11 cells"),
        (HEADER + "\nIVC,x" + ",0" * 10, "'x' for 'IVC' in A2C is no weight"),
        (HEADER + "\nIVC,-1" + ",0" * 10, "'-1' for 'IVC'"),
        (HEADER + "\nIVC,nan" + ",0" * 10, "'nan' for 'IVC'"),
        (HEADER + "\nIVC,inf" + ",0" * 10, "'inf' for 'IVC'"),
    ],
)
def test_wrong_weights_are_refused(text, message):
    with pytest.raises(BundleError, match=message):
        SectionWeights.from_csv(text.encode())


def test_phenotypes_come_back():
    given = (
        Phenotype("ejection_fraction", "Left Ventricle", "continuous", "%", 'number after "EF", once'),
        Phenotype("tavr", "Aortic Valve", "binary", threshold=0.1 + 0.2),
    )
    assert phenotypes_from_csv(phenotypes_to_csv(given)) == given


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "columns must be"),
        ("a,s,binary,,,\na,s,binary,,,\n", "'a' stands in it twice"),
        ("a,s,other,,,\n", "kind 'other'"),
        ("a,s,binary,,,high\n", "threshold 'high' of 'a' is no number"),
    ],
)
def test_wrong_phenotypes_are_refused(rows, message):
    with pytest.raises(BundleError, match=message):
        phenotypes_from_csv(b"name,section,kind,unit,definition,threshold\n" + rows.encode())


def test_lexicon_keeps_the_order_of_its_file():
    given = Lexicon.from_phrases({"B": {"z": ["1", "2"], "a": ["3"]}, "A": {}}, "bs")
    assert given.sections == ("B", "A")
    assert given.phrases == (("1", "2", "3"), ())
    assert Lexicon.from_json(given.to_json()) == given


@pytest.mark.parametrize("phrases", [{}, [], {"A": []}, {"A": {"g": "x"}}, {"A": {"g": [1]}}])
def test_what_is_no_lexicon_is_refused(phrases):
    with pytest.raises(BundleError, match="must map"):
        Lexicon.from_phrases(phrases)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"sections": {"A": {}}}'])
def test_damaged_lexicon_file(data):
    with pytest.raises(BundleError, match="not a lexicon"):
        Lexicon.from_json(data)


def test_more_sections_than_a_mask_has_bits():
    with pytest.raises(BundleError, match="1 to 32"):
        Lexicon.from_phrases({str(number): {} for number in range(33)})
