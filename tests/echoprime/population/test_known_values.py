"""Agreement and discrimination, compared with the plain way of computing them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from echoprime.population.agreement import agreement
from echoprime.population.discrimination import areas, auroc, call_rates
from echoprime.population.resampling import Bootstrap


def drawn(pairs: int = 200, patients: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(55, 12, pairs)
    return truth + 1.5 + rng.normal(0, 5, pairs), truth, rng.integers(0, patients, pairs)


def test_agreement_is_what_it_is_called() -> None:
    estimated, truth, patients = drawn()
    found = agreement(estimated, truth, patients, Bootstrap(500))
    difference = estimated - truth
    assert found["mae"] == pytest.approx(np.abs(difference).mean())
    assert found["rmse"] == pytest.approx(np.sqrt(np.square(difference).mean()))
    assert found["bias"] == pytest.approx(difference.mean())
    assert found["sd"] == pytest.approx(difference.std(ddof=1))
    assert found["limit_low"] == pytest.approx(difference.mean() - 1.96 * difference.std(ddof=1))
    assert found["correlation"] == pytest.approx(stats.pearsonr(estimated, truth)[0])
    assert found["patients"] == len(np.unique(patients))


def test_the_bootstrap_draws_patients() -> None:
    """The interval is that of a plain bootstrap over whole patients, within the noise of drawing."""
    estimated, truth, patients = drawn(300, 40, seed=3)
    found = agreement(estimated, truth, patients, Bootstrap(4000))
    rng, errors = np.random.default_rng(9), np.abs(estimated - truth)
    groups = [errors[patients == patient] for patient in np.unique(patients)]
    plain = [
        np.concatenate([groups[at] for at in rng.integers(0, len(groups), len(groups))]).mean()
        for _ in range(4000)
    ]
    low, high = np.quantile(plain, [0.025, 0.975])
    assert found["mae_from"] == pytest.approx(low, abs=0.06)
    assert found["mae_to"] == pytest.approx(high, abs=0.06)


def test_blocks_of_many_patients_say_the_same() -> None:
    """More patients than blocks: the interval is the normal one, to a few per cent."""
    estimated, truth, _ = drawn(30_000, seed=4)
    found = agreement(estimated, truth, np.arange(30_000), Bootstrap(2000))
    errors = np.abs(estimated - truth)
    width = 2 * 1.96 * errors.std() / np.sqrt(len(errors))
    assert found["mae_to"] - found["mae_from"] == pytest.approx(width, rel=0.1)


def test_the_same_seed_the_same_interval() -> None:
    pairs = drawn()
    first, again, other = (agreement(*pairs, Bootstrap(200, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first["mae_from"] != other["mae_from"]


def test_few_patients_have_no_interval() -> None:
    found = agreement(
        np.array([50.0, 52, 54, 56]), np.array([51.0, 51, 55, 55]), np.arange(4), Bootstrap(100)
    )
    assert found["mae"] == 1
    assert found["mae_from"] is None
    assert agreement(np.array([]), np.array([]), np.array([], int), Bootstrap(10)) == {"patients": 0}


@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 3)), min_size=2, max_size=60).filter(
        lambda rows: (
            sum(row[1] * row[2] for row in rows) > 0 and sum((not row[1]) * row[2] for row in rows) > 0
        )
    )
)
def test_areas_of_counts_are_those_of_weighted_studies(rows: list[tuple[int, bool, int]]) -> None:
    counts = np.zeros((1, 18))
    for score, has, times in rows:
        counts[0, score + (0 if has else 9)] += times
    kept = [row for row in rows if row[2]]
    expected = roc_auc_score(
        [row[1] for row in kept], [row[0] for row in kept], sample_weight=[row[2] for row in kept]
    )
    assert areas(counts, 9)[0] == pytest.approx(expected)


def test_auroc_with_its_interval() -> None:
    rng = np.random.default_rng(5)
    truth = (rng.random(600) < 0.3).astype(float)
    scores = np.round(rng.normal(truth, 1.0), 2)
    found = auroc(scores, truth, np.arange(600), Bootstrap(1000))
    assert found["auroc"] == roc_auc_score(truth, scores)
    assert found["auroc_from"] < found["auroc"] < found["auroc_to"]
    # Hanley and McNeil's standard error
    area, yes, no = found["auroc"], truth.sum(), (1 - truth).sum()
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = np.sqrt((area * (1 - area) + (yes - 1) * (q1 - area**2) + (no - 1) * (q2 - area**2)) / (yes * no))
    assert found["auroc_to"] - found["auroc_from"] == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert auroc(scores, np.ones(600), np.arange(600), Bootstrap(10)) == {}


def test_hits_and_misses() -> None:
    found = call_rates(np.array([1.0, 1, 0, 0, 0]), np.array([1.0, 0, 1, 0, 0]), np.arange(5))
    assert [found[name] for name in ("true_yes", "false_yes", "false_no", "true_no")] == [1, 1, 1, 2]
    assert (found["sensitivity"], found["specificity"]) == (0.5, pytest.approx(2 / 3))
