"""Pairing by section against pairing by position on the golden studies: the published numbers' differences.

Golden data as in `test_retrieval`.
"""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from echoprime.comparison import compare_tables, comparison_page, open_side
from echoprime.release import import_release
from echoprime.storage import Location
from tests.interpreted import write_interpretations

CHOICE = Path(__file__).parents[1] / "data"
GOLDEN = os.environ.get("ECHOPRIME_GOLDEN")
FOLDER = Path(GOLDEN) if GOLDEN else CHOICE
FACTS = json.loads((FOLDER / "retrieval" / "retrieval.json").read_text())["studies"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return import_release(FOLDER / "release", tmp_path_factory.mktemp("parity") / "bundle")


@pytest.fixture(scope="module")
def compared(bundle, tmp_path_factory):
    place = tmp_path_factory.mktemp("comparison")
    studies = []
    for number in range(len(FACTS)):
        with np.load(FOLDER / "retrieval" / f"study{number:02d}.npz") as content:
            studies.append((f"golden-{number:02d}", content["embeddings"], content["views"]))
    for pairing in ("section", "position"):
        write_interpretations(place / pairing, bundle, studies, pairing=pairing)
    sides = [open_side(Location.parse(place / pairing)) for pairing in ("section", "position")]
    return compare_tables(*sides, place / "out"), place / "out"


def paired_section(bundle, each, pairing):
    order = list(dict.fromkeys(phenotype.section for phenotype in bundle.phenotypes))
    return each.section if pairing == "section" else bundle.sections.names[order.index(each.section)]


def published(bundle, study, each):
    """Values by both pairings; None where the original's is arbitrary."""
    facts = FACTS[study]
    return [
        None
        if paired_section(bundle, each, pairing) in facts["zero_sections"]
        else facts[f"metrics_by_{pairing}"][each.name]
        for pairing in ("section", "position")
    ]


def test_differences_are_those_of_the_published_values(bundle, compared):
    comparison, folder = compared
    rows = pq.read_table(folder / "studies.parquet").to_pylist()
    assert [row["study_id"] for row in rows] == [f"golden-{number:02d}" for number in range(12)]
    for each, change in zip(bundle.phenotypes, comparison.values, strict=True):
        pairs = [published(bundle, study, each) for study in range(12)]
        for row, (first, second) in zip(rows, pairs, strict=True):
            assert row[f"{each.name}_first"] == (None if first is None else pytest.approx(first, abs=1e-4))
            assert row[f"{each.name}_second"] == (None if second is None else pytest.approx(second, abs=1e-4))
        known = np.array([pair for pair in pairs if None not in pair]).reshape(-1, 2)
        differences = known[:, 1] - known[:, 0]
        assert change.name == each.name
        assert change.both_known == len(known)
        assert change.changed == np.count_nonzero(np.abs(differences) > 1e-9)
        assert change.mean_difference == pytest.approx(differences.mean(), abs=1e-4)
        assert change.deviation == pytest.approx(differences.std(ddof=1), abs=1e-4)
        assert change.largest == pytest.approx(np.abs(differences).max(), abs=1e-4)


def test_only_the_left_ventricle_is_the_same(bundle, compared):
    """The one section that both pairings give its own neighbours."""
    comparison, _ = compared
    same = {each.name for each in comparison.values if not each.changed}
    assert {"impella", "ejection_fraction"} <= same
    moved = {each.name for each in bundle.phenotypes if each.section != "Left Ventricle"}
    assert len(moved - same) > 15
    assert comparison.changed["report"] == 0
    assert comparison.settings == [("pairing", '"section"', '"position"')]


def test_calls_moved_are_counted(bundle, compared):
    comparison, _ = compared
    by_name = {each.name: each for each in comparison.calls}
    for each in bundle.phenotypes:
        if each.threshold is None:
            assert each.name not in by_name
            continue
        calls = [
            tuple(
                None if value is None else value >= each.threshold for value in published(bundle, study, each)
            )
            for study in range(12)
        ]
        assert {pair: calls.count(pair) for pair in calls} == by_name[each.name].counts


def test_how_much_the_published_pairing_changes(bundle, compared):
    """The README's figures ("The method", 4): values and calls by position against those by name."""
    comparison, _ = compared
    pairs = [(each, published(bundle, study, each)) for each in bundle.phenotypes for study in range(12)]
    known = [(each, first, second) for each, (first, second) in pairs if None not in (first, second)]
    differ = sum(abs(second - first) > 1e-9 for _, first, second in known)
    called = [each for each in known if each[0].threshold is not None]
    turned = sum((first >= each.threshold) != (second >= each.threshold) for each, first, second in called)
    assert (len(known), differ, len(called), turned) == (227, 84, 140, 5)
    assert sum(each.both_known for each in comparison.values) == len(known)
    assert sum(each.changed for each in comparison.values) == differ
    counts = [(pair, count) for each in comparison.calls for pair, count in each.counts.items()]
    both = {pair: 0 for pair, _ in counts if None not in pair}
    for pair, count in counts:
        if pair in both:
            both[pair] += count
    assert sum(both.values()) == len(called)
    assert sum(count for (first, second), count in both.items() if first != second) == turned


def test_page(compared):
    page = comparison_page(compared[0], identifiers=True)
    for text in ("section against position", "golden-", "Research only", "pulmonary artery", "<svg"):
        assert text in page
