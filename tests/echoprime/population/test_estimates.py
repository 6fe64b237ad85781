"""Intervals compared with those of the libraries that define them."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from echoprime.population.estimates import mean, share
from echoprime.population.trend import slope


def test_a_mean_of_single_studies_is_students() -> None:
    values = np.random.default_rng(0).normal(55, 10, 40)
    found = mean(values, np.arange(40))
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high))


def test_a_mean_of_repeated_studies_is_clustered() -> None:
    """As least squares with the sandwich estimator says, and wider than if studies were patients."""
    rng = np.random.default_rng(1)
    patients = rng.integers(0, 15, 90)
    values = rng.normal(55, 10, 15)[patients] + rng.normal(0, 1, 90)
    found = mean(values, patients)
    codes = np.unique(patients, return_inverse=True)[1]
    fit = sm.OLS(values, np.ones(90)).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]))
    alone = mean(values, np.arange(90))
    assert found.high - found.low > 1.5 * (alone.high - alone.low)
    assert (found.studies, found.patients) == (90, 15)


def test_a_share_is_wilsons_and_wider_where_patients_repeat() -> None:
    yes = np.array([1.0] * 12 + [0.0] * 28)
    found = share(yes, np.arange(40))
    assert (found.low, found.high) == pytest.approx(proportion_confint(12, 40, method="wilson"))
    # every study twice says no more than once
    twice = share(np.repeat(yes, 2), np.repeat(np.arange(40), 2))
    assert (twice.low, twice.high) == pytest.approx((found.low, found.high))
    assert twice.studies == 80


def test_nothing_and_all_alike() -> None:
    assert mean(np.array([]), np.array([], int)).value is None
    assert mean(np.array([5.0, 6.0]), np.array([3, 3]))[:3] == (5.5, None, None)
    none = share(np.zeros(20), np.repeat(np.arange(10), 2))
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(proportion_confint(0, 10, method="wilson")[1])


def test_intervals_hold_what_they_promise() -> None:
    """Of 400 drawn cohorts in which patients repeat, some 95 % of the intervals hold the truth."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        patients = rng.integers(0, 60, 150)
        values = rng.normal(50, 8, 60)[patients] + rng.normal(0, 4, 150)
        found = mean(values, patients)
        held += found.low <= 50 <= found.high
    assert 0.92 < held / 400 < 0.98


def test_slope() -> None:
    years = np.arange(30) / 10
    found = slope(50 + 2 * years, years, np.arange(30))
    assert found["per_year"] == pytest.approx(2)
    assert slope(np.full(30, 50.0), years, np.arange(30)).get("per_year") is None
    assert slope(50 + years, years, np.zeros(30, int)).get("per_year") is None
