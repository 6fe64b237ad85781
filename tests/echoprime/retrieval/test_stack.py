"""Sets searched as one answer as one set with all their rows would; labels that a set lacks are unknown."""

import pickle
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.errors import BundleError
from echoprime.retrieval import CandidateSet, CandidateStack, merge, write_candidates
from echoprime.retrieval.candidate_rows import candidate_rows
from echoprime.retrieval.coverage import coverage
from tests.echoprime.retrieval.drawn import LABELS, Drawn


def copied(drawn, directory, rows, labels=LABELS, space="drawn"):
    """Some rows of a drawn set as a set of their own, with some of its labels."""
    here = slice(*rows)
    write_candidates(
        directory,
        embeddings=drawn.embeddings[here],
        studies=drawn.studies[here],
        patients=drawn.patients[here],
        labels=drawn.labels[here][:, [LABELS.index(name) for name in labels]],
        reports=drawn.reports[here],
        label_names=labels,
        embedding_space=space,
        shard_files=2,
    )
    return CandidateSet.open(directory)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 50), min_size=1, max_size=3),
    shards=st.integers(1, 5),
    k=st.integers(1, 9),
    distinct=st.one_of(st.none(), st.integers(1, 4)),
    seed=st.integers(0, 10_000),
)
def test_as_one_set_of_all_rows(cuts, shards, k, distinct, seed):
    with tempfile.TemporaryDirectory() as folder:
        drawn = Drawn(Path(folder) / "whole", 50, 2, seed, distinct)
        edges = [0, *sorted(cuts), 50]
        stack = CandidateStack.of(
            {
                f"set-{number}": copied(drawn, Path(folder) / str(number), rows)
                for number, rows in enumerate(pairwise(edges))
            }
        )
        assert (stack.rows, stack.labels) == (50, LABELS)
        assert sum(stack.part_lengths) == 50
        queries = np.random.default_rng(seed).standard_normal((4, 32)).astype(np.float32)
        more = {"exclude_study": ["shared", "", "s1-1", ""], "exclude_patient": ["", "p1", "p2", ""]}
        question = {"section_bits": np.array([0, 1, 2, 3]), "k": k, **more, "near_left_out": True}
        found = merge([stack.shard(*rows).search(queries, **question) for rows in stack.ranges(shards)])
        assert found.equals(drawn.set.shard().search(queries, **question))
        for row, origin, within in zip(
            range(50), stack.origins.of(np.arange(50)), stack.origins.within(np.arange(50)), strict=True
        ):
            assert edges[origin] <= row < edges[origin + 1]
            assert within == row - edges[origin]


def test_a_label_that_one_set_lacks_is_unknown_of_its_rows(tmp_path):
    drawn = Drawn(tmp_path / "whole", 40, 1, seed=1)
    first = copied(drawn, tmp_path / "first", (0, 25), ("third", "first"))
    second = copied(drawn, tmp_path / "second", (25, 40), ("second", "first"))
    stack = pickle.loads(pickle.dumps(CandidateStack.of({"first": first, "second": second})))
    assert stack.labels == ("third", "first", "second")
    hits = stack.shard().search(drawn.embeddings[:1], np.array([-1]), 40)
    rows = hits.rows[0]
    wanted = drawn.labels[rows][:, [2, 0, 1]]
    wanted[rows >= 25, 0] = wanted[rows < 25, 2] = np.nan
    np.testing.assert_array_equal(hits.labels[0], wanted)
    counted = coverage(stack)
    assert counted.labels == {
        name: int((~np.isnan(wanted[:, place])).sum()) for place, name in enumerate(stack.labels)
    }
    assert counted.reports == sum(bool(each) for each in drawn.reports)
    (row,) = candidate_rows(stack, [30])
    assert (row.row, row.study) == (30, drawn.studies[30])
    assert "third" not in row.labels
    # plain folders are not hashed
    assert stack.hash is None


def test_sets_of_two_encoders_are_no_stack(tmp_path):
    drawn = Drawn(tmp_path / "whole", 10, 1, seed=1)
    other = copied(drawn, tmp_path / "other", (0, 10), space="another")
    with pytest.raises(BundleError, match=r"'official' are of the embedding space 'drawn', 'own' of 'anoth"):
        CandidateStack.of({"official": drawn.set, "own": other})
