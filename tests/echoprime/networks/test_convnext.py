from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.convnext import CNBlock

from echoprime.networks import seeded_state, state_sha256
from echoprime.networks.architectures import VIEW_CLASSIFIERS
from echoprime.networks.arithmetic import Arithmetic
from echoprime.networks.convnext import Block, FrameClassifier
from echoprime.networks.weights import build_network
from tests.echoprime.networks.differences import largest

LOGITS_IN_BF16 = 1e-2
"""bfloat16: largest difference of a logit, at layer scales of 0.1 to 0.5 and logits of about 1."""


def with_nothing_silent(state):
    """As seeded, layer scales are 1e-6, biases 0 and norms 1: mistakes in a block would not show."""
    draw = torch.Generator().manual_seed(5)
    scales = {
        key: 0.1 + 0.4 * torch.rand(tensor.shape, generator=draw)
        for key, tensor in state.items()
        if key.endswith("layer_scale")
    }
    changed = {
        key: tensor + 0.2 * torch.randn(tensor.shape, generator=draw)
        for key, tensor in state.items()
        if tensor.ndim == 1
    }
    return state | scales | changed


@pytest.fixture(
    scope="module", params=["convnext_two_blocks", pytest.param("convnext_base", marks=pytest.mark.slow)]
)
def state(request):
    return request.param, with_nothing_silent(seeded_state(request.param, 1))


def built(state):
    architecture, weights = state
    return build_network(VIEW_CLASSIFIERS[architecture], 11, weights)


@pytest.fixture(scope="module")
def frames():
    return torch.randn(2, 224, 224, 3, generator=torch.Generator().manual_seed(6)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("arithmetic", "relative", "absolute"),
    [
        (Arithmetic(), 1e-5, 1e-5),
        (Arithmetic(packed=False), 1e-5, 1e-5),
        (Arithmetic(torch.bfloat16), 1e-2, LOGITS_IN_BF16),
        (Arithmetic(torch.bfloat16, packed=False), 1e-2, LOGITS_IN_BF16),
    ],
    ids=["float32", "float32 plain", "bf16", "bf16 plain"],
)
@torch.inference_mode()
def test_layer_by_layer_and_whole(state, frames, arithmetic, relative, absolute):
    module, ours = built(state), FrameClassifier(built(state), arithmetic=arithmetic)
    expected = frames
    theirs = [
        layer
        for stage in module.features
        for layer in (stage if isinstance(stage[0], CNBlock) else nn.Sequential(stage))
    ]
    assert sum(isinstance(layer, Block) for layer in ours.layers) >= 2
    for number, (their, our) in enumerate(zip(theirs, ours.layers, strict=True)):
        came_in = expected.contiguous(memory_format=torch.channels_last)
        before = came_in.clone()
        expected, found = their(expected), our(came_in)
        assert found.dtype is torch.float32
        assert largest(found, expected) < relative, f"layer {number}"
        assert torch.equal(came_in, before), f"layer {number} changed its input"
        assert found.is_contiguous(memory_format=torch.channels_last), f"layer {number}"
    logits = ours(frames)
    assert float((logits - module(frames)).abs().max()) < absolute
    assert torch.equal(ours(frames), logits)


def test_the_given_weights_stay_as_they_are(state):
    before = state_sha256(state[1])
    FrameClassifier(built(state))
    assert state_sha256(state[1]) == before
