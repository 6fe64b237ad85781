"""No row's true score is above its filter score plus slack; and the whole search, at the official width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from echoprime.errors import SettingError
from echoprime.retrieval import CandidateSet, merge, scan, write_candidates
from echoprime.retrieval.coordinates import Directions, Moments, WholeRows, principal_directions
from echoprime.retrieval.filters import LEAST, Float32Filter, require_filter, round_down
from echoprime.retrieval.int8 import Int8Filter
from echoprime.retrieval.principal import PrincipalFilter
from echoprime.retrieval.rescoring import errors, lengths
from tests.echoprime.retrieval.drawn import NOBODY, drawn_matrix, rows_of

FILTERS = ("float32", "principal", "int8")
ALL = (*FILTERS, "int8 of few")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads of BLAS wait for each other where other programs want the cores."""
    with threadpool_limits(1, "blas"):
        yield


def made(name, rows, largest, most_rest=0.1):
    few = principal_directions(Moments(rows), largest, most_rest, wanted=True)
    whole = WholeRows(rows.parts[0].embeddings.shape[1], largest)
    return {
        "float32": lambda: Float32Filter(rows, largest),
        "principal": lambda: PrincipalFilter(rows, few),
        "int8": lambda: Int8Filter(rows, whole),
        "int8 of few": lambda: Int8Filter(rows, few),
    }[name]()


def scores_of(filter_, queries, count):
    """(rows, queries) of all blocks."""
    lines, slack = filter_.project(queries)
    scores = np.empty((count, len(queries)), filter_.scores)
    for first, block in filter_.blocks(64):
        filter_.product(block, lines, scores[first : first + len(block)])
    return scores, slack, lines


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(ALL),
    decay=st.sampled_from((0.0, 0.5, 1.0, 3.0)),
    scale=st.sampled_from((1e-30, 1e-6, 1.0, 1e6, 1e15)),
    of_query=st.sampled_from((1e-44, 1e-41, 1e-6, 1.0, 1e6)),
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
    for row in range(0, 300, 7):  # a floor that the row reaches lets it pass
        assert (found[row] >= filter_.least(lines, exact[row] - slack)).all()
    if filter_.two_sided:
        assert (np.abs(found.astype(np.float64) - exact) <= slack).all()
    lowest = filter_.least(lines, np.full(len(queries), float(LEAST)))
    assert (lowest > filter_.left_out).all()
    assert (found >= lowest).all()
    assert (found < filter_.above_all).all()


@given(st.floats(-3e38, 3e38))
def test_rounding_down_never_lifts_a_threshold(value):
    assert float(round_down(np.array([value]))[0]) < value or value <= float(LEAST)


def test_slack_has_room_for_directions_that_are_not_quite_orthonormal():
    """Rows and queries along them lose a thousandth twice, and no other term makes up for it."""
    rng = np.random.default_rng(3)
    basis, _ = np.linalg.qr(rng.standard_normal((64, 8)))
    along = (rng.standard_normal((50, 8)) @ basis.T).astype(np.float32)
    largest = float(lengths(along).max())
    directions = Directions((basis * (1 - 1e-3)).astype(np.float32), largest)
    found = directions.of_rows(along)
    lines, slack = directions.of_queries(along, float(lengths(found).max()))
    bound = (found.astype(np.float64) * lines).sum(axis=1)
    exact = np.square(along, dtype=np.float64).sum(axis=1)
    assert (exact <= bound + slack).all()
    assert (exact > bound + errors(along, largest) + 1e-4 * exact).all()


def test_rows_of_few_directions_are_found_by_queries_next_to_nothing():
    """Numbers too small for float32 are rounded by as much whatever they are multiplied with."""
    rng = np.random.default_rng(4)
    matrix = (rng.standard_normal((2000, 3)) @ rng.standard_normal((3, 64)) * 1e15).astype(np.float32)
    queries = (rng.standard_normal((20, 64)) * 1e-43).astype(np.float32)
    queries = queries[queries.any(axis=1)]
    rows, largest = rows_of(matrix), float(lengths(matrix).max())
    expected = scan.nearest(rows, queries, 5, largest, NOBODY)
    for name in ALL:
        found = scan.nearest(rows, queries, 5, largest, NOBODY, first=made(name, rows, largest))
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("name", ALL)
def test_slack_is_small(name):
    """A bound that let everything pass would hold too."""
    rng = np.random.default_rng(1)
    matrix = drawn_matrix(rng, 2000, 512, 2.0, 1.0)
    matrix /= np.maximum(lengths(matrix), 1e-3)[:, None].astype(np.float32)
    queries = matrix[3:33:2]
    _, slack, _ = scores_of(made(name, rows_of(matrix), 1.0), queries, len(matrix))
    assert slack.max() < {"float32": 4e-5, "principal": 5e-4, "int8": 4e-2, "int8 of few": 4e-2}[name]


def test_directions_hold_what_they_should():
    rng = np.random.default_rng(2)
    low = drawn_matrix(rng, 1000, 64, 2.0, 1.0)
    assert principal_directions(Moments(rows_of(low)), 100.0, 0.1).width == 4
    assert principal_directions(Moments(rows_of(low)), 100.0, 0.1, least=0.2).width == 16
    flat = rng.standard_normal((1000, 64)).astype(np.float32)
    assert principal_directions(Moments(rows_of(flat)), 100.0, 0.1) is None
    assert principal_directions(Moments(rows_of(flat)), 100.0, 0.1, wanted=True).width == 32


def test_what_is_in_common_takes_one_direction():
    """The score's deviations are measured without it, or many directions would be left out."""
    rng = np.random.default_rng(2)
    matrix = rng.standard_normal((1000, 64)).astype(np.float32) + np.float32(30)
    assert principal_directions(Moments(rows_of(matrix)), 1000.0, 0.1) is None


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


def of_no_direction(count):
    """Rows that principal directions do not hold, the largest norm, queries, and their 5 nearest."""
    rng = np.random.default_rng(4)
    matrix = rng.standard_normal((count, 64)).astype(np.float32)
    rows, largest = rows_of(matrix), float(lengths(matrix).max())
    queries = rng.standard_normal((30, 64)).astype(np.float32)
    return rows, largest, queries, scan.nearest(rows, queries, 5, largest, NOBODY)


def test_query_that_too_many_rows_pass_gets_the_whole_product(monkeypatch):
    rows, largest, queries, expected = of_no_direction(4000)
    used = []
    whole = Float32Filter.product
    monkeypatch.setattr(Float32Filter, "product", lambda self, *each: used.append(1) or whole(self, *each))
    monkeypatch.setattr(scan, "FEW_ROWS", 20)
    found = scan.nearest(rows, queries, 5, largest, NOBODY, first=made("principal", rows, largest))
    assert used
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_what_a_filter_lets_pass_is_bounded(monkeypatch):
    """Where all rows pass they are neither kept nor scored one by one: the whole product costs less."""
    rows, largest, queries, expected = of_no_direction(8000)
    monkeypatch.setattr(scan, "FEW_ROWS", 20)
    monkeypatch.setattr(scan, "BLOCK_ROWS", 64)
    monkeypatch.setattr(scan, "PASSED_AT_ONCE", 3000)
    scored = []
    narrow = scan.narrow_scores
    monkeypatch.setattr(scan, "narrow_scores", lambda *each: scored.append(len(each[2])) or narrow(*each))
    found = scan.nearest(rows, queries, 5, largest, NOBODY, first=made("principal", rows, largest))
    assert sum(scored) < 0.1 * len(rows) * len(queries)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["float32", "int8"])
def test_many_ties_are_ranked_before_they_fill_the_memory(monkeypatch, name):
    rng = np.random.default_rng(5)
    matrix = np.repeat(rng.standard_normal((4, 32)).astype(np.float32), 500, axis=0)
    rows, largest = rows_of(matrix), float(lengths(matrix).max())
    monkeypatch.setattr(scan, "BLOCK_ROWS", 32)
    monkeypatch.setattr(scan, "PASSED_AT_ONCE", 1000)
    monkeypatch.setattr(scan, "FEW_ROWS", 10**6)
    kept, ranked = [], []
    add, rank = scan.Passed.add, scan.rank
    monkeypatch.setattr(scan.Passed, "add", lambda self, *each: add(self, *each) or kept.append(self.count))
    monkeypatch.setattr(scan, "rank", lambda *each: ranked.append(1) or rank(*each))
    found, _ = scan.nearest(rows, matrix[::500], 7, largest, NOBODY, first=made(name, rows, largest))
    assert found.tolist() == [list(range(first, first + 7)) for first in range(0, 2000, 500)]
    assert max(kept) <= 1000 + 32 * 4
    assert len(ranked) > 1


def test_unknown_filter_is_refused():
    with pytest.raises(SettingError, match="--search-filter float16: there are auto, float32, principal,"):
        require_filter("float16")
