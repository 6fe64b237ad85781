"""Section queries: the published sum, the same bits in any batch, and no query where there is no weight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.errors import EchoPrimeError
from echoprime.retrieval import NO_VIEW, section_queries, study_queries

RNG = np.random.default_rng(0)
WEIGHTS = RNG.random((15, 11)).astype(np.float32)
WEIGHTS[0:4, 3] = 0


def test_query_is_the_unit_vector_of_the_weighted_sum():
    embeddings, views = RNG.standard_normal((5, 512)).astype(np.float32), np.array([0, 3, 3, 7, 10])
    found = section_queries(embeddings, views, WEIGHTS)
    for section in range(15):
        total = sum(
            float(WEIGHTS[section, view]) * each.astype(float)
            for each, view in zip(embeddings, views, strict=True)
        )
        np.testing.assert_allclose(found.queries[section], total / np.linalg.norm(total), atol=1e-7)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    np.testing.assert_allclose(found.shares[7], WEIGHTS[7, views] / WEIGHTS[7, views].sum())


def test_section_without_weight_is_not_assessable():
    """Published: a zero vector is searched with, and arbitrary neighbours are reported."""
    found = section_queries(np.ones((2, 512), np.float32), np.array([3, 3]), WEIGHTS)
    assert found.assessable.tolist() == [False] * 4 + [True] * 11
    assert not found.queries[:4].any()
    assert not found.shares[:4].any()
    many = study_queries([np.ones((2, 512), np.float32)], [np.array([3, 3])], WEIGHTS)
    assert many.section.tolist() == list(range(4, 15))
    assert many.vectors.any(axis=1).all()


def test_videos_that_cancel_each_other_leave_nothing_to_search_with():
    pair = RNG.standard_normal((1, 512)).astype(np.float32)
    found = section_queries(np.concatenate([pair, -pair]), np.array([2, 2]), WEIGHTS)
    assert not found.assessable.any()


def test_embedding_that_is_not_finite_makes_nothing_assessable():
    embeddings = np.full((1, 512), np.nan, np.float32)
    assert not section_queries(embeddings, np.array([2]), WEIGHTS).assessable.any()


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(0, 7), min_size=1, max_size=9), seed=st.integers(0, 1000))
def test_same_bits_alone_and_among_others(counts, seed):
    rng = np.random.default_rng(seed)
    embeddings = [rng.standard_normal((count, 512)).astype(np.float32) for count in counts]
    views = [rng.integers(0, 11, count) for count in counts]
    many = study_queries(embeddings, views, WEIGHTS)
    for study, (each, view) in enumerate(zip(embeddings, views, strict=True)):
        alone = study_queries([each], [view], WEIGHTS)
        np.testing.assert_array_equal(many.vectors[many.study == study], alone.vectors)
        assert many.assessable[study].any() == (len(view) > 0)
    assert many.videos.tolist() == counts
    np.testing.assert_array_equal(many.study, np.sort(many.study))


def test_more_studies_than_are_summed_at_once():
    embeddings = [RNG.standard_normal((2, 512)).astype(np.float32) for _ in range(150)]
    many = study_queries(embeddings, [np.array([1, 2])] * 150, WEIGHTS)
    alone = study_queries(embeddings[149:], [np.array([1, 2])], WEIGHTS)
    np.testing.assert_array_equal(many.vectors[many.study == 149], alone.vectors)


def test_a_video_of_no_view_changes_no_bit_of_the_others():
    embeddings, views = RNG.standard_normal((6, 512)).astype(np.float32), np.array([0, -1, 3, 3, -1, 10])
    found = section_queries(embeddings, views, WEIGHTS)
    without = section_queries(embeddings[views >= 0], views[views >= 0], WEIGHTS)
    np.testing.assert_array_equal(found.queries, without.queries)
    np.testing.assert_array_equal(found.shares[:, views >= 0], without.shares)
    assert not found.shares[:, views < 0].any()
    assert not section_queries(embeddings, np.full(6, NO_VIEW), WEIGHTS).assessable.any()


def test_no_studies():
    assert len(study_queries([], [], WEIGHTS)) == 0


@pytest.mark.parametrize(("embeddings", "views"), [((2, 512), [0]), ((1, 512), [11]), ((1, 512), [-2])])
def test_what_does_not_fit_is_refused(embeddings, views):
    with pytest.raises(EchoPrimeError, match="section queries"):
        study_queries([np.ones(embeddings, np.float32)], [np.array(views)], WEIGHTS)
