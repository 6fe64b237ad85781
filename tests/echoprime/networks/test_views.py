from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.torch import save_file

from echoprime.errors import BundleError
from echoprime.networks import ViewClassifier, load_view_classifier, softmax


def test_logits_are_float32_rows(classifier, clips):
    logits = classifier.logits(clips[0][:, 0])
    assert (logits.shape, logits.dtype) == ((5, 11), np.float32)
    assert classifier.logits(clips[0][:0, 0]).shape == (0, 11)


def test_on_cores_the_same_bytes_whatever_the_batch(classifier, clips):
    frames = clips[0][:, 0]
    together = classifier.logits(frames)
    alone = np.concatenate([classifier.logits(frames[i : i + 1]) for i in range(5)])
    assert together.tobytes() == alone.tobytes()


def test_a_padded_micro_batch_changes_nothing(classifier_state, classifier, clips):
    frames = clips[0][:, 0]
    batched = ViewClassifier("convnext_two_blocks", classifier_state, micro_batch=3)
    np.testing.assert_allclose(batched.logits(frames), classifier.logits(frames), rtol=0, atol=1e-5)


def test_other_arrays_are_refused(classifier):
    with pytest.raises(ValueError, match=r"not uint8 \(1, 16, 224, 224, 3\)"):
        classifier.logits(np.zeros((1, 16, 224, 224, 3), np.uint8))
    with pytest.raises(ValueError, match="not float32"):
        classifier.logits(np.zeros((1, 224, 224, 3), np.float32))


def test_a_bundle_with_and_without_weights(classifier, classifier_state, clips, tmp_path):
    save_file(classifier_state, tmp_path / "view_classifier.safetensors")
    bundle = SimpleNamespace(
        name="tiny",
        view_classifier=SimpleNamespace(
            architecture="convnext_two_blocks", file="view_classifier.safetensors"
        ),
        file=lambda name: tmp_path / name,
    )
    frames = clips[0][:1, 0]
    assert np.array_equal(load_view_classifier(bundle).logits(frames), classifier.logits(frames))
    with pytest.raises(BundleError, match="'tiny' has no view classifier weights"):
        load_view_classifier(SimpleNamespace(name="tiny", view_classifier=None))


@given(arrays(np.float32, (3, 11), elements=st.floats(-1e4, 1e4, width=32)))
def test_softmax_are_probabilities_in_the_order_of_the_logits(logits):
    probabilities = softmax(logits)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (probabilities[np.arange(3), logits.argmax(axis=1)] == probabilities.max(axis=1)).all()
