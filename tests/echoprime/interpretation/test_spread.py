"""Quantiles and intervals of neighbours' labels, against numpy, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from echoprime.interpretation.spread import (
    QUANTILES,
    mean_interval,
    share_interval,
    weighted_quantiles,
)

LABEL = st.one_of(st.just(np.nan), st.integers(0, 100).map(float))
WEIGHT = st.sampled_from([0.0, 0.25, 0.5, 1.0])  # exact sums: numpy's order of summation is another


@given(st.lists(st.tuples(LABEL, WEIGHT), min_size=1, max_size=50))
def test_quantiles_are_numpys(pairs: list[tuple[float, float]]) -> None:
    labels, weights = np.array(pairs).T
    found = weighted_quantiles(labels[None], weights[None])[0]
    known = ~np.isnan(labels)
    if not known.any():
        assert np.isnan(found).all()
        return
    labels, weights = labels[known], weights[known]
    weights = weights if weights.any() else np.ones(len(weights))
    expected = np.quantile(labels, QUANTILES, weights=weights, method="inverted_cdf")
    assert found.tolist() == expected.tolist()


def test_a_similarity_below_zero_has_no_weight() -> None:
    labels, weights = np.array([[10.0, 20.0, 30.0]]), np.array([[-0.5, 0.1, -np.inf]])
    assert weighted_quantiles(labels, weights).tolist() == [[20.0] * 5]


@given(st.lists(LABEL, min_size=1, max_size=50))
def test_the_interval_of_a_mean_is_students(labels: list[float]) -> None:
    low, high = (float(each[0]) for each in mean_interval(np.array([labels])))
    known = np.array([label for label in labels if not np.isnan(label)])
    if len(known) < 2:
        assert np.isnan(low)
        assert np.isnan(high)
        return
    reach = stats.t.ppf(0.975, len(known) - 1) * stats.sem(known)
    assert (low, high) == pytest.approx((known.mean() - reach, known.mean() + reach), abs=1e-9)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_share_is_wilsons(counts: tuple[int, int]) -> None:
    positive, known = counts
    low, high = (float(each[0]) for each in share_interval(np.array([positive / known]), np.array([known])))
    assert (low, high) == pytest.approx(proportion_confint(positive, known, method="wilson"), abs=1e-12)
    assert 0 <= low <= positive / known <= high <= 1


def test_a_study_has_the_same_bits_in_any_batch() -> None:
    rng = np.random.default_rng(0)
    labels = rng.uniform(20, 70, (64, 50))
    labels[rng.random(labels.shape) < 0.5] = np.nan
    weights = rng.uniform(0.8, 1, labels.shape)
    whole = [weighted_quantiles(labels, weights), *mean_interval(labels)]
    for number in (0, 17, 63):
        one = slice(number, number + 1)
        alone = [weighted_quantiles(labels[one], weights[one]), *mean_interval(labels[one])]
        assert [each.tolist() for each in alone] == [each[one].tolist() for each in whole]
