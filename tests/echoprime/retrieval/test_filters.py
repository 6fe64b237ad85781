"""No row's true score is above its filter score plus slack; and the whole search, at the official width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from echoprime.errors import SettingError
from echoprime.retrieval import CandidateSet, merge, scan, write_candidates
from echoprime.retrieval.filters import Float32Filter, require_filter
from echoprime.retrieval.int8 import Int8Filter
from echoprime.retrieval.principal import principal_filter
from echoprime.retrieval.rescoring import lengths
from tests.echoprime.retrieval.drawn import drawn_matrix, rows_of

FILTERS = ("float32", "principal", "int8")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads of BLAS wait for each other where other programs want the cores."""
    with threadpool_limits(1, "blas"):
        yield


def made(name, rows, largest):
    return {
        "float32": lambda: Float32Filter(rows, largest),
        "principal": lambda: principal_filter(rows, largest, wanted=True),
        "int8": lambda: Int8Filter(rows, largest),
    }[name]()


def scores_of(filter_, queries, count):
    """(rows, queries) of all blocks."""
    lines, slack = filter_.project(queries)
    codes = np.empty((count, len(queries)), filter_.scores)
    for first, block in filter_.blocks(64):
        filter_.product(block, lines, codes[first : first + len(block)])
    out = filter_.maxima(lines, codes, 1)
    return out, slack, lines


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(FILTERS),
    decay=st.sampled_from((0.0, 0.5, 1.0, 3.0)),
    scale=st.sampled_from((1e-30, 1e-6, 1.0, 1e6)),
    of_query=st.sampled_from((1e-6, 1.0, 1e6)),
    near=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_slack_holds(name, decay, scale, of_query, near, seed):
    rng = np.random.default_rng(seed)
    matrix = drawn_matrix(rng, 300, 64, decay, scale)
    queries = (rng.standard_normal((20, 64)) * of_query).astype(np.float32)
    if near:  # the largest products there are
        queries = (matrix[3:203:10] / max(scale, 1e-20) * of_query).astype(np.float32)
    largest = float(lengths(matrix).max())
    filter_ = made(name, rows_of(matrix, 3), largest)
    found, slack, lines = scores_of(filter_, queries, len(matrix))
    exact = np.stack([(matrix.astype(np.float64) * query).sum(axis=1) for query in queries], axis=1)
    assert (exact <= found.astype(np.float64) + slack).all()
    if filter_.two_sided:
        assert (exact >= found.astype(np.float64) - slack).all()
    some = np.arange(0, 300, 11)
    bounds = filter_.bounds(lines, np.zeros(len(some), np.int64), some)
    if bounds is not None:
        assert (exact[some, 0] <= bounds.astype(np.float64) + slack[0]).all()


@pytest.mark.parametrize("name", FILTERS)
def test_slack_is_small(name):
    """A bound that let everything pass would hold too."""
    rng = np.random.default_rng(1)
    matrix = drawn_matrix(rng, 2000, 512, 2.0, 1.0)
    matrix /= np.maximum(lengths(matrix), 1e-3)[:, None].astype(np.float32)
    queries = matrix[3:33:2]
    _, slack, _ = scores_of(made(name, rows_of(matrix), 1.0), queries, len(matrix))
    assert slack.max() < {"float32": 4e-5, "principal": 5e-4, "int8": 4e-2}[name]


def test_directions_hold_what_they_should():
    rng = np.random.default_rng(2)
    low = drawn_matrix(rng, 1000, 64, 2.0, 1.0)
    assert principal_filter(rows_of(low), 100.0).width == 4
    flat = rng.standard_normal((1000, 64)).astype(np.float32)
    assert principal_filter(rows_of(flat), 100.0) is None
    assert principal_filter(rows_of(flat), 100.0, wanted=True).width == 24


@pytest.fixture(scope="module")
def full_width(tmp_path_factory):
    """2,000 rows x 512 in three files: duplicates, zero rows, near-ties in the last bit; its answers."""
    rng = np.random.default_rng(3)
    matrix = drawn_matrix(rng, 2000, 512, 1.0, 1.0)
    matrix[500:600] = matrix[400:500]
    matrix[600:700] = np.nextafter(matrix[400:500], np.float32(np.inf))
    folder = tmp_path_factory.mktemp("full")
    write_candidates(
        folder,
        embeddings=matrix,
        studies=[str(row) for row in range(2000)],
        labels=np.zeros((2000, 0)),
        reports=[[]] * 2000,
        label_names=(),
        embedding_space="drawn",
        shard_files=3,
    )
    queries = (matrix[rng.integers(0, 2000, 1060)] + rng.standard_normal((1060, 512)) * 0.01).astype(
        np.float32
    )
    queries[::4] = matrix[400:665]
    queries = queries[queries.any(axis=1)]
    wide = matrix.astype(np.float64)
    rows, scores = [], []
    for query in queries:
        exact = (wide * query).sum(axis=1)
        best = np.lexsort((np.arange(2000), -exact))[:50]
        rows.append(best)
        scores.append(exact[best])
    return CandidateSet.open(folder), queries, np.stack(rows), np.stack(scores)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shards", [1, 2, 7, 8])
def test_thousand_queries_equal_brute_force(full_width, name, shards):
    """Ties, duplicates, zero rows and near-ties, whatever the shards, their order and the batches."""
    candidates, queries, rows, scores = full_width
    assert len(queries) >= 1000
    rng = np.random.default_rng(shards)
    searched = [candidates.shard(*each, name) for each in candidates.ranges(shards)]
    order = rng.permutation(len(queries))
    for part in np.split(order, [1, 250, 600]):
        bits = np.full(len(part), -1)
        hits = merge([searched[at].search(queries[part], bits, 50) for at in rng.permutation(shards)])
        np.testing.assert_array_equal(hits.rows, rows[part])
        np.testing.assert_array_equal(hits.scores, scores[part])


def test_query_that_too_many_rows_pass_gets_the_whole_product(monkeypatch):
    rng = np.random.default_rng(4)
    matrix = rng.standard_normal((4000, 64)).astype(np.float32)
    rows, largest = rows_of(matrix), float(lengths(matrix).max())
    queries = rng.standard_normal((30, 64)).astype(np.float32)
    nobody = scan.Excluded(np.zeros(0, np.int64), np.zeros(0, np.int64))
    expected = scan.nearest(rows, queries, 5, largest, nobody)
    used = []
    whole = Float32Filter.product
    monkeypatch.setattr(Float32Filter, "product", lambda self, *each: used.append(1) or whole(self, *each))
    found = scan.nearest(
        rows, queries, 5, largest, nobody, first=principal_filter(rows, largest, wanted=True)
    )
    assert used
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_unknown_filter_is_refused():
    with pytest.raises(SettingError, match="--search-filter float16: there are auto, float32, principal,"):
        require_filter("float16")
