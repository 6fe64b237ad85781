"""Groups found by way of their heaps are those that comparing all of them finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.retrieval import maxima as module


def drawn(rng, lengths, queries, left_out):
    """Maxima of blocks of so many groups, as a scan makes them."""
    blocks = [rng.integers(0, 9, (length, queries)).astype(np.float32) for length in lengths]
    for block in blocks:
        block[rng.random(block.shape) < left_out] = -np.inf
    heaps = module.Heaps(queries)
    for block in blocks:
        heaps.add(block)
    return heaps.maxima(np.concatenate(blocks))


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=6),
    queries=st.integers(1, 9),
    left_out=st.sampled_from((0.0, 0.3, 1.0)),
    few=st.sampled_from((0, 40, 10**9)),
    k=st.integers(1, 30),
    seed=st.integers(0, 10_000),
)
def test_both_ways_find_the_same(lengths, queries, left_out, few, k, seed):
    rng = np.random.default_rng(seed)
    maxima = drawn(rng, lengths, queries, left_out)
    least = rng.choice([module.LEAST, np.float32(4), np.float32(8), np.float32(9)], queries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW_HEAPS", few)
        patch.setattr(module, "FEW_GROUPS", few)
        query, group = maxima.reaching(least)
        bound = maxima.lower_bound(k)
    expected = np.argwhere((maxima.groups >= least).T)
    assert np.stack([query, group], axis=1).tolist() == expected.tolist()
    reached = (maxima.groups >= bound).sum(axis=0)
    assert ((reached >= k) | (bound <= module.LEAST)).all()
