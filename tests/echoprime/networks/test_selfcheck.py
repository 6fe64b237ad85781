from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from echoprime.errors import BundleError, SettingError
from echoprime.networks import VideoEncoder, ViewClassifier, arithmetic, record_selfcheck, selfcheck
from echoprime.networks.architectures import ENCODERS, VIEW_CLASSIFIERS
from echoprime.networks.normalising import normalise_clips, normalise_frames
from echoprime.networks.weights import build_network


@pytest.fixture(scope="module")
def clip(clips):
    frames, used = clips
    return SimpleNamespace(frames=frames[0], used=int(used[0]))


@pytest.fixture(scope="module")
def bundle(encoder, classifier, clip, tmp_path_factory):
    directory = tmp_path_factory.mktemp("bundle")
    (directory / "selfcheck.npz").write_bytes(record_selfcheck(encoder, classifier, clip))
    return SimpleNamespace(file=lambda name: directory / name)


class InBfloat16:
    """Both networks as torchvision's modules, computed in bfloat16 although float32 was asked for."""

    precision = "float32"

    def __init__(self, encoder_state, classifier_state):
        self.encoder = build_network(ENCODERS["mvit_two_blocks"], 512, encoder_state)
        self.classifier = build_network(VIEW_CLASSIFIERS["convnext_two_blocks"], 11, classifier_state)

    def run(self, network, tensor):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return network(tensor).float().numpy()

    def embed(self, frames, used):
        return self.run(self.encoder, normalise_clips(torch.from_numpy(frames), torch.tensor(used)))

    def logits(self, first_frames):
        return self.run(self.classifier, normalise_frames(torch.from_numpy(first_frames)))


def test_the_same_networks_pass_with_no_difference(bundle, encoder, classifier):
    assert selfcheck.check(bundle, encoder, classifier) == (0.0, 0.0, 1e-3)


def test_other_portions_pass(bundle, encoder_state, classifier_state):
    encoder = VideoEncoder("mvit_two_blocks", encoder_state, micro_batch=2)
    classifier = ViewClassifier("convnext_two_blocks", classifier_state, micro_batch=2)
    found = selfcheck.check(bundle, encoder, classifier)
    assert max(found.embedding_difference, found.logit_difference) < 1e-5


def test_one_perturbed_weight_of_the_encoder_is_refused(bundle, encoder_state, classifier):
    key = "blocks.0.attn.qkv.weight"
    encoder = VideoEncoder("mvit_two_blocks", encoder_state | {key: encoder_state[key].flip(0)})
    with pytest.raises(BundleError, match=r"embedding differs by \S+ and view logits by 0, tolerance 0.001"):
        selfcheck.check(bundle, encoder, classifier)


def test_one_perturbed_weight_of_the_classifier_is_refused(bundle, encoder, classifier_state):
    key = "features.1.0.block.5.weight"
    classifier = ViewClassifier(
        "convnext_two_blocks", classifier_state | {key: classifier_state[key].flip(0)}
    )
    with pytest.raises(BundleError, match=r"embedding differs by 0 and view logits by \S+, tolerance 0.001"):
        selfcheck.check(bundle, encoder, classifier)


def test_bfloat16_is_refused_in_either_network(bundle, encoder, classifier, encoder_state, classifier_state):
    low = InBfloat16(encoder_state, classifier_state)
    with pytest.raises(BundleError, match=r"view logits by 0,"):
        selfcheck.check(bundle, low, classifier)
    with pytest.raises(BundleError, match=r"embedding differs by 0 "):
        selfcheck.check(bundle, encoder, low)


def test_not_a_number_is_refused(bundle, encoder_state, classifier):
    broken = encoder_state | {"norm.bias": torch.full((64,), torch.nan)}
    with pytest.raises(BundleError, match="embedding differs by nan"):
        selfcheck.check(bundle, VideoEncoder("mvit_two_blocks", broken), classifier)


def test_recording_is_repeatable_and_for_cores_only(encoder, classifier, clip):
    assert record_selfcheck(encoder, classifier, clip) == record_selfcheck(encoder, classifier, clip)
    for device, precision in (("cuda", "float32"), ("cpu", "bf16")):
        other = SimpleNamespace(device=torch.device(device), precision=precision)
        with pytest.raises(SettingError, match=f"cpu in float32, not on {device} in {precision}"):
            record_selfcheck(encoder, other, clip)


def in_bf16(encoder_state, classifier_state):
    return (
        VideoEncoder("mvit_two_blocks", encoder_state, precision="bf16"),
        ViewClassifier("convnext_two_blocks", classifier_state, precision="bf16"),
    )


@pytest.fixture
def emulated(monkeypatch):
    """A CPU without bfloat16 computes the same numbers, only slower; tests may ask it to."""
    monkeypatch.setattr(arithmetic, "has_bf16", lambda device: True)


def test_bf16_passes_by_a_tolerance_of_its_own(emulated, bundle, encoder_state, classifier_state):
    found = selfcheck.check(bundle, *in_bf16(encoder_state, classifier_state))
    assert 1e-4 < found.embedding_difference < 0.02
    assert 1e-5 < found.logit_difference < 0.02
    assert found.tolerance == selfcheck.BF16_TOLERANCE


def test_a_wrong_weight_is_found_below_what_bf16_moves(emulated, bundle, encoder_state, classifier_state):
    """One weight changed so little that bfloat16 hides it: the float32 of the same weights shows it."""
    key = "head.1.bias"
    moved = encoder_state | {key: encoder_state[key] + 2e-3}
    encoder, _ = in_bf16(moved, classifier_state)
    with pytest.raises(BundleError, match=r"embedding differs by 0.002 .* tolerance 0.001"):
        selfcheck.check(bundle, encoder)
    other = classifier_state | {"classifier.2.bias": classifier_state["classifier.2.bias"] + 2e-3}
    _, classifier = in_bf16(encoder_state, other)
    with pytest.raises(BundleError, match=r"view logits by 0.002, tolerance 0.001"):
        selfcheck.check(bundle, classifier=classifier)


def test_bf16_that_computes_something_else_is_refused(emulated, bundle, encoder_state, classifier_state):
    encoder, classifier = in_bf16(encoder_state, classifier_state)
    embed = encoder.embed
    encoder.embed = lambda frames, used: embed(frames, used) * 1.1
    with pytest.raises(BundleError, match=r"embedding differs by 0.1 .*tolerance 0.05; .*in float32"):
        selfcheck.check(bundle, encoder, classifier)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", None])
def test_a_damaged_file_is_named(bundle, encoder, classifier, tmp_path, content):
    if content is None:
        np.savez(tmp_path / "selfcheck.npz", frames=np.zeros(3))
    else:
        (tmp_path / "selfcheck.npz").write_bytes(content)
    with pytest.raises(BundleError, match=r"selfcheck.npz is damaged \("):
        selfcheck.check(SimpleNamespace(file=lambda name: tmp_path / name), encoder, classifier)


def test_a_missing_file_is_named(encoder, classifier, tmp_path):
    with pytest.raises(BundleError, match=r"selfcheck.npz is missing"):
        selfcheck.check(SimpleNamespace(file=lambda name: tmp_path / name), encoder, classifier)
