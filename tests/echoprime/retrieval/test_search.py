"""Search equals brute force in float64, whatever the batch, the shards and their order; ties included."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.errors import EchoPrimeError
from echoprime.retrieval import merge, scan
from tests.echoprime.retrieval.drawn import LABELS, Drawn

FILTERS = ("float32", "principal", "int8")


def ask(drawn, shards, queries, bits, k, search_filter="auto", **more):
    searched = [drawn.set.shard(lo, hi, search_filter) for lo, hi in shards]
    return merge([shard.search(queries, bits, k, **more) for shard in searched])


def check_against_brute_force(drawn, hits, queries, bits, k, studies=None, patients=None):
    for line, (query, bit) in enumerate(zip(queries, bits, strict=True)):
        left_out = (studies[line] if studies else "", patients[line] if patients else "")
        expected = drawn.brute(query, k, *left_out)
        n = len(expected)
        assert hits.rows[line, :n].tolist() == [row for _, row in expected]
        assert hits.scores[line, :n].tolist() == [score for score, _ in expected]
        assert (hits.rows[line, n:] == -1).all()
        assert (hits.scores[line, n:] == -np.inf).all()
        np.testing.assert_array_equal(hits.labels[line, :n], drawn.labels[hits.rows[line, :n]])
        assert np.isnan(hits.labels[line, n:]).all()
        names = hits.names.take(pa.array(hits.name_places(hits.rows[line, :n]))).to_pylist()
        assert names == [drawn.studies[row] for _, row in expected]
        best = drawn.brute(query, 1, *left_out, section=int(bit))
        assert [hits.report_scores[line], hits.report_rows[line]] == ([*best[0]] if best else [-np.inf, -1])


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 90),
    files=st.integers(1, 4),
    cuts=st.lists(st.integers(0, 90), max_size=3),
    k=st.integers(1, 12),
    distinct=st.one_of(st.none(), st.integers(1, 6)),
    count=st.integers(0, 9),
    search_filter=st.sampled_from(FILTERS),
    block=st.sampled_from((8, 32)),
    at_once=st.sampled_from((40, scan.PASSED_AT_ONCE)),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_equals_brute_force(rows, files, cuts, k, distinct, count, search_filter, block, at_once, seed, data):
    """Floors rise after blocks of a few rows; of many pairs the best are ranked early."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "BLOCK_ROWS", block)
        patch.setattr(scan, "PASSED_AT_ONCE", at_once)
        patch.setattr(scan, "FEW_ROWS", 8)
        drawn = Drawn(Path(folder), rows, files, seed, distinct)
        rng = np.random.default_rng(seed + 1)
        queries = rng.standard_normal((count, 32)).astype(np.float32)
        queries[::3] = drawn.embeddings[: len(queries[::3])][:1]  # exact hits
        bits = rng.integers(0, 4, count)
        studies = [["", "shared", "s1-1"][number % 3] for number in range(count)]
        patients = [["", "p1", "p2"][number % 3] for number in range(count)]
        edges = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
        shards = data.draw(st.permutations(list(pairwise(edges))))
        more = {"exclude_study": studies, "exclude_patient": patients, "search_filter": search_filter}
        hits = ask(drawn, shards, queries, bits, k, **more)
        check_against_brute_force(drawn, hits, queries, bits, k, studies, patients)
        whole = ask(drawn, [(0, rows)], queries, bits, k, **more)
        assert hits.equals(whole)
        for line in range(count):  # alone, not in a batch
            here = slice(line, line + 1)
            alone = ask(
                drawn,
                shards,
                queries[here],
                bits[here],
                k,
                exclude_study=studies[here],
                exclude_patient=patients[here],
                search_filter=search_filter,
            )
            np.testing.assert_array_equal(alone.rows, hits.rows[here])
            np.testing.assert_array_equal(alone.scores, hits.scores[here])
            np.testing.assert_array_equal(alone.report_rows, hits.report_rows[here])


@pytest.mark.parametrize("search_filter", FILTERS)
def test_many_blocks(tmp_path, monkeypatch, search_filter):
    """Blocks of 16 rows and 8 queries, over files whose ends cut blocks and groups."""
    monkeypatch.setattr(scan, "BLOCK_ROWS", 16)
    monkeypatch.setattr(scan, "BLOCK_QUERIES", 8)
    drawn = Drawn(tmp_path, 700, 3, seed=3, distinct=150)
    queries = np.random.default_rng(4).standard_normal((30, 32)).astype(np.float32)
    bits = np.arange(30) % 4
    studies = [["", "shared", "s1-1"][number % 3] for number in range(30)]
    patients = [["", "p1"][number % 2] for number in range(30)]
    hits = ask(
        drawn, [(0, 700)], queries, bits, 5, search_filter, exclude_study=studies, exclude_patient=patients
    )
    check_against_brute_force(drawn, hits, queries, bits, 5, studies, patients)


@pytest.mark.parametrize("search_filter", FILTERS)
def test_long_runs_of_ties_are_ranked_by_row(tmp_path, search_filter):
    drawn = Drawn(tmp_path, 400, 1, seed=5, distinct=1)
    query = drawn.embeddings[:1]
    hits = ask(drawn, [(0, 150), (150, 400)], query, np.array([0]), 7, search_filter)
    assert hits.rows.tolist() == [list(range(7))]
    assert len(set(hits.scores[0].tolist())) == 1


@pytest.mark.parametrize("search_filter", FILTERS)
def test_row_that_float32_would_lose_is_found(tmp_path, search_filter):
    """Two rows whose float32 scores are equal or swapped, and whose float64 scores are not."""
    drawn = Drawn(tmp_path / "a", 300, 1, seed=6)
    rng = np.random.default_rng(7)
    base = rng.standard_normal(32).astype(np.float32)
    drawn.embeddings[:] = base + rng.standard_normal((300, 32)).astype(np.float32) * np.float32(1e-7)
    from echoprime.retrieval import CandidateSet, write_candidates

    write_candidates(
        tmp_path / "b",
        embeddings=drawn.embeddings,
        studies=drawn.studies,
        labels=drawn.labels,
        reports=drawn.reports,
        label_names=LABELS,
        embedding_space="drawn",
    )
    drawn.set = CandidateSet.open(tmp_path / "b")
    queries = rng.standard_normal((20, 32)).astype(np.float32)
    narrow = np.argsort(-(queries @ drawn.embeddings.T), axis=1, kind="stable")[:, :10]
    hits = ask(drawn, [(0, 300)], queries, np.zeros(20, int), 10, search_filter)
    check_against_brute_force(drawn, hits, queries, np.zeros(20, int), 10)
    assert (narrow != hits.rows).any()  # the float32 order would have been wrong


def test_section_that_no_candidate_has_ends_the_search(tmp_path):
    """Published: it looks for ever."""
    drawn = Drawn(tmp_path, 40, 2, seed=9)
    queries = np.random.default_rng(0).standard_normal((2, 32)).astype(np.float32)
    hits = ask(drawn, drawn.set.ranges(2), queries, np.array([2, 0]), 5)
    assert hits.report_rows[0] == -1
    assert hits.report_rows[1] >= 0
    assert int(hits.report_rows[1]) * 32 in hits.text_keys
    assert not (hits.text_keys % 32).any()


def test_text_of_a_section_is_its_first_run_of_phrases(tmp_path):
    drawn = Drawn(tmp_path, 40, 3, seed=10)
    queries = np.random.default_rng(1).standard_normal((3, 32)).astype(np.float32)
    hits = ask(drawn, drawn.set.ranges(3), queries, np.array([0, 1, 3]), 5)
    texts = dict(zip(hits.text_keys.tolist(), hits.texts.to_pylist(), strict=True))
    rows = hits.report_rows.tolist()
    assert texts[rows[0] * 32] == [{"phrase": 1, "value": "0.5"}]
    assert texts[rows[1] * 32 + 1] == [{"phrase": rows[1] % 9, "value": str(rows[1])}]
    assert texts[rows[2] * 32 + 3] == [{"phrase": 0, "value": "text"}]


def test_only_the_labels_asked_for(tmp_path):
    drawn = Drawn(tmp_path, 40, 1, seed=11)
    queries = np.random.default_rng(1).standard_normal((2, 32)).astype(np.float32)
    columns = np.array([[2, 0], [1, -1]])
    hits = ask(drawn, [(0, 40)], queries, np.array([0, 0]), 4, columns=columns)
    np.testing.assert_array_equal(hits.labels[0], drawn.labels[hits.rows[0]][:, [2, 0]])
    np.testing.assert_array_equal(hits.labels[1, :, 0], drawn.labels[hits.rows[1]][:, 1])
    assert np.isnan(hits.labels[1, :, 1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": np.zeros((1, 32), np.float32)}, "zero or not finite"),
        ({"queries": np.full((1, 32), np.nan, np.float32)}, "zero or not finite"),
        ({"queries": np.ones((1, 31), np.float32)}, r"must be \(queries, 32\)"),
        ({"k": 0}, "k is 0"),
        ({"section_bits": np.array([32])}, "section numbers"),
        ({"columns": np.array([[3]])}, "label columns"),
        ({"exclude_study": ["a", "b"]}, "2 values to leave out for 1 queries"),
    ],
)
def test_wrong_questions_are_refused(tmp_path, change, message):
    drawn = Drawn(tmp_path, 10, 1, seed=12)
    question = {"queries": np.ones((1, 32), np.float32), "section_bits": np.array([0]), "k": 3}
    with pytest.raises(EchoPrimeError, match=message):
        drawn.set.shard().search(**{**question, **change})


def test_searches_of_several_threads_and_filters_do_not_share_their_room(tmp_path):
    """Each thread's scans follow each other, of several shapes and types."""
    drawn = Drawn(tmp_path, 9000, 2, seed=11)
    shards = [drawn.set.shard(search_filter=name) for name in FILTERS]
    queries = np.random.default_rng(12).standard_normal((40, 32)).astype(np.float32)
    expected = {k: shards[0].search(queries, np.full(40, -1), k) for k in (1, 9, 40)}

    def ask(turn):
        k, part = (1, 9, 40)[turn % 3], slice(turn % 5, 40)
        hits = shards[turn % len(shards)].search(queries[part], np.full(40, -1)[part], k)
        np.testing.assert_array_equal(hits.rows, expected[k].rows[part])
        np.testing.assert_array_equal(hits.scores, expected[k].scores[part])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ask, range(24)))


def test_a_query_whose_products_float32_cannot_hold_is_refused(tmp_path):
    shard = Drawn(tmp_path, 10, 1, seed=0).set.shard()
    with pytest.raises(EchoPrimeError, match="so long that float32 cannot hold its products"):
        shard.search(np.full((1, 32), 1e36, np.float32), np.array([0]), 3)
