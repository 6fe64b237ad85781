"""Merging is associative, commutative and exact, ties included."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.errors import EchoPrimeError
from echoprime.retrieval import merge
from tests.echoprime.retrieval.drawn import Drawn


@settings(max_examples=25, deadline=None)
@given(
    shards=st.integers(3, 6),
    k=st.integers(1, 9),
    distinct=st.one_of(st.none(), st.integers(1, 4)),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_any_grouping_and_order_give_the_same(shards, k, distinct, seed, data):
    with tempfile.TemporaryDirectory() as folder:
        drawn = Drawn(Path(folder), 50, 2, seed, distinct)
        queries = np.random.default_rng(seed).standard_normal((4, 32)).astype(np.float32)
        bits = np.array([0, 1, 2, 3])
        found = [drawn.set.shard(lo, hi).search(queries, bits, k) for lo, hi in drawn.set.ranges(shards)]
        whole = drawn.set.shard().search(queries, bits, k)
        order = data.draw(st.permutations(found))
        assert merge(order).equals(whole)
        cut = data.draw(st.integers(1, shards - 1))
        assert merge([merge(order[:cut]), merge(order[cut:])]).equals(whole)
        assert merge([merge(order[cut:]), merge(order[:cut])]).equals(whole)


def test_nothing_to_merge_is_refused():
    with pytest.raises(EchoPrimeError, match="no shard"):
        merge([])


def test_answers_to_other_questions_are_refused(tmp_path):
    shard = Drawn(tmp_path, 10, 1, seed=0).set.shard()
    query = np.ones((1, 32), np.float32)
    with pytest.raises(EchoPrimeError, match="different queries"):
        merge([shard.search(query, np.array([0]), 3), shard.search(query, np.array([1]), 3)])


def test_answers_of_other_widths_are_refused_where_no_number_is_named(tmp_path):
    shard = Drawn(tmp_path, 10, 1, seed=0).set.shard()
    query, bits = np.ones((1, 32), np.float32), np.array([0])
    answers = [shard.search(query, bits, 5, share=share) for share in (2, 3)]
    with pytest.raises(EchoPrimeError, match="different numbers of neighbours"):
        merge(answers)
    assert merge(answers, 5).k == 5
    with pytest.raises(EchoPrimeError, match="fewer than 6 neighbours"):
        merge(answers, 6)
