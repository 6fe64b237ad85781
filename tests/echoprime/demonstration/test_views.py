"""The fitted last layer: separates what can be separated, and is the same each time."""

import numpy as np

from echoprime.demonstration.views import fit_view_head


def test_separable_classes_are_told_apart():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 30)) * 3
    views = np.arange(80) % 4
    features = (centres[views] + rng.normal(size=(80, 30)) + 50).astype(np.float32)
    weight, bias = fit_view_head(features[:60], views[:60], 4)
    assert (weight.shape, bias.shape, weight.dtype) == ((4, 30), (4,), np.float32)
    assert ((features[60:] @ weight.T + bias).argmax(axis=1) == views[60:]).all()


def test_the_same_input_gives_the_same_layer():
    rng = np.random.default_rng(1)
    features, views = rng.normal(size=(20, 5)).astype(np.float32), np.arange(20) % 3
    first, again = fit_view_head(features, views, 3), fit_view_head(features, views, 3)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_a_feature_that_never_changes_does_no_harm():
    features = np.c_[np.ones(8), np.arange(8)].astype(np.float32)
    weight, bias = fit_view_head(features, (np.arange(8) > 3).astype(int), 2)
    assert np.isfinite(weight).all()
    assert np.isfinite(bias).all()
