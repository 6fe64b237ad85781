from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from echoprime.errors import BundleError
from echoprime.networks import VideoEncoder, ViewClassifier, seeded_state, state_sha256
from echoprime.networks.architectures import ENCODERS
from echoprime.networks.weights import build_network, read_state

FIRST = "conv_proj.weight"


def refusal(state):
    with pytest.raises(BundleError) as caught:
        VideoEncoder("mvit_two_blocks", state)
    return str(caught.value)


def test_the_first_missing_key_is_named(encoder_state):
    assert repr(FIRST) in refusal({})
    assert "lack 'head.1.bias'" in refusal({k: v for k, v in encoder_state.items() if k != "head.1.bias"})


def test_an_unexpected_key_is_named(encoder_state):
    assert "'model.norm.weight', which the network lacks" in refusal(
        encoder_state | {"model.norm.weight": torch.zeros(64)}
    )


def test_another_shape_or_type_is_named(encoder_state):
    wrong = encoder_state | {"head.1.weight": torch.zeros(400, 64)}
    assert "'head.1.weight' has shape (400, 64), the network needs (512, 64)" in refusal(wrong)
    wrong = encoder_state | {"norm.bias": encoder_state["norm.bias"].half()}
    assert "'norm.bias' is torch.float16" in refusal(wrong)


def test_an_unknown_architecture_is_named():
    with pytest.raises(BundleError, match="'mvit_v2_s' is not one of convnext_base"):
        ViewClassifier("mvit_v2_s", {})


def test_files_that_are_missing_cut_or_something_else(encoder_state, tmp_path):
    with pytest.raises(BundleError, match=r"encoder.safetensors is missing"):
        VideoEncoder("mvit_two_blocks", tmp_path / "encoder.safetensors")
    save_file(encoder_state, tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    for content in (data[:-100], b"", b"PK\x03\x04 not safetensors", data[:4]):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(BundleError, match="other is not a whole safetensors file"):
            VideoEncoder("mvit_two_blocks", str(tmp_path / "other"))


def test_weights_are_taken_without_a_copy_unless_they_cross_a_cache_line(encoder_state):
    bias = torch.cat([torch.zeros(1), encoder_state["norm.bias"]])[1:]
    module = build_network(ENCODERS["mvit_two_blocks"], 512, encoder_state | {"norm.bias": bias})
    for key, tensor in module.state_dict().items():
        assert torch.equal(tensor, encoder_state[key])
        assert tensor.data_ptr() % 64 == 0
        assert key == "norm.bias" or tensor.data_ptr() == encoder_state[key].data_ptr()
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_a_file_keeps_the_hash_of_the_state(encoder_state, tmp_path):
    save_file(encoder_state, tmp_path / "file")
    assert state_sha256(read_state(tmp_path / "file")) == state_sha256(encoder_state)
    changed = encoder_state | {"norm.bias": encoder_state["norm.bias"] + 1}
    assert state_sha256(changed) != state_sha256(encoder_state)


def test_a_seed_draws_the_same_weights_and_leaves_the_global_state_alone(encoder_state):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    again = seeded_state("mvit_two_blocks", 0)
    assert torch.equal(torch.rand(3), expected)
    assert state_sha256(again) == state_sha256(encoder_state)
    assert state_sha256(seeded_state("mvit_two_blocks", 1)) != state_sha256(encoder_state)
    assert seeded_state("mvit_two_blocks", 0, outputs=7)["head.1.bias"].shape == (7,)
