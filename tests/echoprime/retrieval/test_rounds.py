"""Shards asked in rounds answer what one shard of all rows does, to the bit; and are not asked for more."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from echoprime.errors import EchoPrimeError
from echoprime.retrieval import rounds, search_shards
from tests.echoprime.retrieval.drawn import Drawn


@pytest.fixture(autouse=True)
def no_share_of_another_chance():
    yield
    rounds.share.cache_clear()


class Shards:
    """Shards of a drawn set, and what they were asked."""

    def __init__(self, drawn, ranges):
        self.shards = [drawn.set.shard(*rows) for rows in ranges]
        self.asked = []

    def __call__(self, arguments):
        self.asked.append(arguments)
        pairs = zip(self.shards, arguments, strict=True)
        return [None if each is None else shard.search(**each) for shard, each in pairs]

    def search(self, **question):
        return search_shards(self, len(self.shards), **question)


@settings(max_examples=120, deadline=None)
@given(
    rows=st.integers(1, 90),
    cuts=st.lists(st.integers(0, 90), min_size=1, max_size=5),
    k=st.integers(1, 14),
    distinct=st.one_of(st.none(), st.integers(1, 6)),
    count=st.integers(1, 9),
    chance=st.sampled_from((rounds.CHANCE, 1.0, 1e9)),
    heaps=st.booleans(),
    near=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_equal_one_shard(rows, cuts, k, distinct, count, chance, heaps, near, seed):
    """Rows that lie in heaps, ties, sections that few reports have, rows left out by the dozen."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "CHANCE", chance)
        rounds.share.cache_clear()
        drawn = Drawn(Path(folder), rows, 2, seed, distinct, heaps)
        rng = np.random.default_rng(seed + 1)
        queries = rng.standard_normal((count, 32)).astype(np.float32)
        queries[::3] = drawn.embeddings[:1]
        question = {
            "queries": queries,
            "section_bits": rng.integers(-1, 5, count),
            "k": k,
            "columns": np.tile([2, -1, 0], (count, 1)),
            "exclude_study": [["", "shared", "s1-1"][number % 3] for number in range(count)],
            "exclude_patient": [["", "p1", "p2", "p2"][number % 4] for number in range(count)],
            "near_left_out": near,
        }
        edges = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
        found = Shards(drawn, pairwise(edges)).search(**question)
        assert found.equals(drawn.set.shard().search(**question))


def test_a_shard_with_most_of_the_neighbours_is_asked_again_alone(tmp_path):
    drawn = Drawn(tmp_path, 400, 1, seed=3, heaps=True)
    question = {"queries": drawn.embeddings[[0, 399]], "section_bits": np.array([-1, -1]), "k": 30}
    shards = Shards(drawn, drawn.set.ranges(4))
    found = shards.search(**question)
    assert found.equals(drawn.set.shard().search(**question))
    first, again = shards.asked
    assert [each["share"] for each in first] == [rounds.share(30, 4)] * 4
    assert [None if each is None else len(each["queries"]) for each in again] == [1, None, None, 1]


def test_rows_at_random_are_not_asked_for_again(tmp_path):
    drawn = Drawn(tmp_path, 4000, 1, seed=5)
    shards = Shards(drawn, drawn.set.ranges(8))
    queries = np.random.default_rng(6).standard_normal((50, 32)).astype(np.float32)
    shards.search(queries=queries, section_bits=np.full(50, -1), k=50)
    assert len(shards.asked) == 1


def test_a_section_that_no_neighbour_has_is_looked_for_once(tmp_path):
    drawn = Drawn(tmp_path, 400, 1, seed=7)
    query, bit = drawn.embeddings[:1], 1
    assert not any(phrase[0] == bit for _, row in drawn.brute(query[0], 2) for phrase in drawn.reports[row])
    question = {"queries": query, "section_bits": np.array([bit]), "k": 2}
    shards = Shards(drawn, drawn.set.ranges(4))
    found = shards.search(**question)
    assert found.equals(drawn.set.shard().search(**question))
    assert found.report_rows[0] == drawn.brute(query[0], 1, section=bit)[0][1]
    assert [each.get("having", False) for each in shards.asked[-1]] == [True] * 4


def test_shards_that_do_not_answer_are_no_answer(tmp_path):
    shard = Drawn(tmp_path, 20, 1, seed=0).set.shard()
    question = {"queries": np.ones((1, 32), np.float32), "section_bits": np.array([0]), "k": 5}
    with pytest.raises(EchoPrimeError, match="1 of 2 shards have not answered"):
        search_shards(lambda asked: [shard.search(**asked[0]), None], 2, **question)


@pytest.mark.parametrize("k", [0, -1])
@pytest.mark.parametrize("shards", [1, 3])
def test_no_neighbours_are_refused(tmp_path, k, shards):
    drawn = Drawn(tmp_path, 20, 1, seed=0)
    with pytest.raises(EchoPrimeError, match=f"k is {k}"):
        Shards(drawn, drawn.set.ranges(shards)).search(
            queries=np.ones((1, 32), np.float32), section_bits=np.array([0]), k=k
        )


def test_rows_left_out_of_a_section_are_not_said(tmp_path):
    shard = Drawn(tmp_path, 20, 1, seed=0).set.shard()
    with pytest.raises(EchoPrimeError, match="near_left_out"):
        shard.search(np.ones((1, 32), np.float32), np.array([0]), 1, having=True, near_left_out=True)


@pytest.mark.parametrize(("k", "shards"), [(50, 2), (50, 8), (10, 64), (20, 3), (2000, 2), (5000, 64)])
def test_a_share_is_the_least_that_is_mostly_enough(k, shards):
    """By drawing lots: the chance that any shard reaches it, and the one that it reaches one less."""
    least = rounds.share(k, shards)
    reaches = [shards * binom.sf(number - 1, k, 1 / shards) for number in (least, least - 1)]
    assert reaches[0] <= rounds.CHANCE < reaches[1]


@pytest.mark.parametrize("share", [0, 6])
def test_a_share_that_is_none_is_refused(tmp_path, share):
    shard = Drawn(tmp_path, 20, 1, seed=0).set.shard()
    with pytest.raises(EchoPrimeError, match=f"share of {share} of 5"):
        shard.search(np.ones((1, 32), np.float32), np.array([0]), 5, share=share)
