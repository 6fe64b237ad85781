"""The demonstration's bundle at full size: written, checked, and another torch refused."""

import json

import numpy as np
import pytest

import echoprime.demonstration.assets
import echoprime.demonstration.bundle as demonstration_bundle
from echoprime.bundle import open_bundle
from echoprime.demonstration import NOTICE, write_demonstration_bundle
from echoprime.demonstration.bundle import checked_states
from echoprime.errors import BundleError
from echoprime.networks import load_encoder, load_view_classifier, selfcheck
from echoprime.retrieval import CandidateSet


@pytest.mark.slow
def test_bundle_is_whole_and_passes_its_self_check(tmp_path):
    written = write_demonstration_bundle(tmp_path / "bundle")
    bundle = open_bundle(written.location)
    bundle.check_files()
    assert (bundle.trained, bundle.notice, bundle.encodes) == (False, NOTICE, True)
    candidates = CandidateSet.open(tmp_path / "bundle" / "candidates")
    assert candidates.rows == bundle.candidates_rows == 200
    found = selfcheck.check(bundle, load_encoder(bundle), load_view_classifier(bundle))
    assert found.embedding_difference < 1e-4
    with pytest.raises(BundleError, match="holds a bundle already"):
        write_demonstration_bundle(tmp_path / "bundle")


@pytest.mark.slow
def test_the_fitted_layer_is_the_classifiers_last():
    _, state = checked_states()
    assert state["classifier.2.weight"].shape == (11, 1024)
    assert np.allclose(state["features.1.0.layer_scale"].numpy(), 0.5)


@pytest.mark.slow
def test_another_torch_is_refused_by_name(monkeypatch):
    seeds = echoprime.demonstration.assets.read_seeds()
    seeds = json.loads(json.dumps(seeds).replace(seeds["encoder"]["sha256"], "0" * 64))
    monkeypatch.setattr(demonstration_bundle, "read_seeds", lambda: seeds)
    with pytest.raises(BundleError, match=r"torch .* draws other .*make_assets"):
        checked_states()
