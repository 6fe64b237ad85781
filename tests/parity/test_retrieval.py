"""Neighbours, metrics, reports and decoded texts are those of the published system.

ECHOPRIME_GOLDEN names a folder of golden data, with `release/` and `retrieval/` in it; else the choice in
`tests/data` is used.
"""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from echoprime.interpretation import Interpreter, decode_report
from echoprime.release import import_release, load_pickle
from echoprime.retrieval import CandidateSet, merge
from echoprime.retrieval.writing import value_text

CHOICE = Path(__file__).parents[1] / "data"
GOLDEN = os.environ.get("ECHOPRIME_GOLDEN")
FOLDER = Path(GOLDEN) if GOLDEN else CHOICE
FACTS = json.loads((FOLDER / "retrieval" / "retrieval.json").read_text())
STUDIES = range(len(FACTS["studies"]))


def with_words(text):
    """The published text as ours reads: an unknown value is written `nan` there."""
    return re.sub(r"\bnan\b", "not recorded", text)


def published(study):
    with np.load(FOLDER / "retrieval" / f"study{study:02d}.npz") as content:
        return dict(content)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return import_release(FOLDER / "release", tmp_path_factory.mktemp("parity") / "bundle", shard_files=3)


@pytest.fixture(scope="module")
def found(bundle):
    """Both pairings over two shards: queries, hits and tables of all studies."""
    data = [published(study) for study in STUDIES]
    candidates = CandidateSet.open(bundle)
    shards = [candidates.shard(*rows) for rows in candidates.ranges(2)]
    results = {}
    for pairing in ("section", "position"):
        interpreter = Interpreter(bundle, pairing=pairing)
        queries = interpreter.queries([each["embeddings"] for each in data], [each["views"] for each in data])
        arguments = interpreter.search_arguments(queries)
        hits = merge([shard.search(**arguments) for shard in shards])
        results[pairing] = queries, hits, interpreter.interpret(queries, hits).to_pylist()
    return results


def test_all_twelve_studies_are_compared():
    assert len(FACTS["studies"]) == 12
    assert len(FACTS["decoded_reports_head"]) == 60


@pytest.mark.parametrize("study", STUDIES)
def test_queries_and_zero_sections(bundle, found, study):
    queries, _, _ = found["section"]
    expected, zero = published(study), FACTS["studies"][study]["zero_sections"]
    names = bundle.sections.names
    assert [name for name, able in zip(names, queries.assessable[study], strict=True) if not able] == zero
    mine = queries.study == study
    difference = np.abs(queries.vectors[mine] - expected["queries"][queries.section[mine]])
    assert difference.max() < 1e-6


@pytest.mark.parametrize("study", STUDIES)
def test_neighbours(found, study):
    queries, hits, _ = found["section"]
    expected = published(study)
    for line in np.flatnonzero(queries.study == study):
        ids, scores = (expected[name][queries.section[line]] for name in ("top_ids", "top_scores"))
        assert set(hits.rows[line].tolist()) == set(ids.tolist())
        np.testing.assert_allclose(hits.scores[line], scores, atol=1e-5)
        # Order counts only where the published scores are further apart than their rounding.
        place = {row: number for number, row in enumerate(hits.rows[line].tolist())}
        ranks = np.array([place[row] for row in ids.tolist()])
        apart = scores[:, None] - scores[None, :] > 1e-6
        assert (ranks[:, None] < ranks[None, :])[apart].all()


@pytest.mark.parametrize("pairing", ["section", "position"])
@pytest.mark.parametrize("study", STUDIES)
def test_metrics(bundle, found, study, pairing):
    row, facts = found[pairing][2][study], FACTS["studies"][study]
    order = list(dict.fromkeys(each.section for each in bundle.phenotypes))
    compared = 0
    for each in bundle.phenotypes:
        used = each.section if pairing == "section" else bundle.sections.names[order.index(each.section)]
        if used in facts["zero_sections"]:
            assert row[each.name] is None
        else:
            assert row[each.name] == pytest.approx(facts[f"metrics_by_{pairing}"][each.name], abs=1e-4)
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize("study", STUDIES)
def test_report(bundle, found, study):
    row, facts = found["section"][2][study], FACTS["studies"][study]
    ours, theirs = (text.split("[SEP]") for text in (row["report"], facts["report"]))
    assert len(ours) == len(theirs) == len(bundle.sections.names) + 1
    for name, our, their in zip(bundle.sections.names, ours, theirs, strict=False):
        if name in facts["zero_sections"]:
            assert our == f"{name}: Not assessable from the views in this study. "
        else:
            assert our == with_words(their)
    assert ours[-1] == theirs[-1] == ""


def test_decoded_reports(bundle):
    lexicon = bundle.lexicon()
    reports = load_pickle(FOLDER / "release" / "model_data" / "candidates_data" / "candidate_reports.pkl")
    unknown = 0
    for report, text in zip(reports, FACTS["decoded_reports_head"], strict=False):
        coded = [(section, phrase, value_text(value)) for section, phrase, value in report]
        unknown += text != with_words(text)
        assert decode_report(lexicon, coded) == with_words(text)
    assert unknown  # the original's `nan` occurs in these texts, and not in ours
