"""What passes a threshold is found by groups or one by one, kept in order, and forgotten when it rises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.retrieval import passed as module
from echoprime.retrieval.passed import Pairs, Passed, best, kth_best, lower_bound

TYPES = (np.float32, np.int32)


def drawn(rng, rows, queries, left_out, scores):
    """Scores with ties, some rows left out."""
    found = rng.integers(0, 50, (rows, queries)).astype(scores)
    lowest = -np.inf if scores is np.float32 else np.iinfo(np.int32).min
    found[rng.random(found.shape) < left_out] = lowest
    return found


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=5),
    queries=st.integers(1, 9),
    left_out=st.sampled_from((0.0, 0.3, 1.0)),
    scores=st.sampled_from(TYPES),
    dense=st.sampled_from((0.0, module.DENSE, 1.0)),
    seed=st.integers(0, 10_000),
)
def test_all_that_reach_their_threshold_are_kept(lengths, queries, left_out, scores, dense, seed):
    rng = np.random.default_rng(seed)
    blocks = [drawn(rng, length, queries, left_out, scores) for length in lengths]
    early, late = np.sort(rng.integers(0, 51, (2, queries)), axis=0).astype(scores)
    passed = Passed(queries, scores)
    first = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DENSE", dense)
        for number, block in enumerate(blocks):
            passed.add(first, block, early)
            first += len(block)
            if number % 2:
                passed.keep(late if number > 2 else early)
    found = passed.keep(late)
    whole = np.concatenate(blocks)
    expected = {
        (query, row) for query in range(queries) for row in np.flatnonzero(whole[:, query] >= late[query])
    }
    assert set(zip(found.query.tolist(), found.row.tolist(), strict=True)) == expected
    assert passed.count == len(found.query) == len(expected)
    assert (np.diff(found.query) >= 0).all()
    assert found.score.dtype == scores
    assert found.score.tolist() == whole[found.row, found.query].tolist()
    passed.forget()
    assert passed.count == len(passed.keep(late).query) == 0


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    k=st.integers(1, 12),
    wide=st.sampled_from((0, 1, module.WIDE)),
    padded=st.sampled_from((0, module.PADDED_AT_ONCE)),
    scores=st.sampled_from(TYPES),
    seed=st.integers(0, 10_000),
)
def test_the_best_of_each_query(counts, k, wide, padded, scores, seed):
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(len(counts)), counts)
    pairs = Pairs(query, rng.permutation(len(query)), rng.integers(-9, 9, len(query)).astype(scores))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WIDE", wide)
        patch.setattr(module, "PADDED_AT_ONCE", padded)
        kth = kth_best(query, pairs.score, k, len(counts), -100.0)
        found = best(pairs, k)
    for line, count in enumerate(counts):
        mine = np.sort(pairs.score[query == line])[::-1]
        assert kth[line] == (mine[k - 1] if count >= k else -100)
        chosen = np.sort(found.score[found.query == line])[::-1]
        if count >= k:
            assert chosen[:k].tolist() == mine[:k].tolist()
            assert len(chosen) < 2 * k
        else:
            assert chosen.tolist() == mine.tolist()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 300),
    k=st.integers(1, 40),
    left_out=st.sampled_from((0.0, 0.5, 1.0)),
    scores=st.sampled_from(TYPES),
    seed=st.integers(0, 10_000),
)
def test_k_rows_reach_the_lower_bound(rows, k, left_out, scores, seed):
    block = drawn(np.random.default_rng(seed), rows, 3, left_out, scores)
    bound = lower_bound(block, k)
    if bound is None:
        assert rows < k
    else:
        assert ((block >= bound).sum(axis=0) >= k).all()


def test_the_lower_bound_is_near_the_kth_best():
    block = np.random.default_rng(0).standard_normal((1000, 20)).astype(np.float32)
    assert ((block >= lower_bound(block, 50)).sum(axis=0) < 75).all()
