"""Shard actors asked on a real Ray: each what is meant for it; together what one shard answers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from operators.candidate_shard import ShardActors
from operators.search_candidates import ask_shards, search_candidates
from pipelines.ray_session import ray_session
from tests.echoprime.retrieval.drawn import Drawn

pytestmark = pytest.mark.ray

ROWS = 400


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return Drawn(tmp_path_factory.mktemp("candidates"), ROWS, 2, seed=3, heaps=True)


@pytest.fixture(scope="module")
def shards(drawn: Drawn) -> Iterator[ShardActors]:
    with ray_session(None):
        actors = ShardActors.start(drawn.set, shards=4, run_id=f"test-{os.getpid()}")
        yield actors
        actors.stop()


def test_each_shard_is_asked_what_is_meant_for_it(drawn: Drawn, shards: ShardActors) -> None:
    first, last = np.array([1, 350]), np.array([ROWS - 1])
    found = ask_shards(shards, "drawn", [first, None, None, last])
    assert found[1:3] == [None, None]
    np.testing.assert_array_equal(found[0].embeddings, drawn.embeddings[[1]])
    np.testing.assert_array_equal(found[3].embeddings, drawn.embeddings[[ROWS - 1]])


def test_rounds_among_actors_answer_what_one_shard_does(drawn: Drawn, shards: ShardActors) -> None:
    """The rows nearest to the outermost ones lie in one shard, which is asked again alone."""
    question = {
        "queries": drawn.embeddings[[0, 200, ROWS - 1]],
        "section_bits": np.array([1, -1, 2]),
        "k": 30,
        "exclude_study": ["shared", "", "shared"],
        "near_left_out": True,
    }
    assert search_candidates(shards, **question).equals(drawn.set.shard().search(**question))
