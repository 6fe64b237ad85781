"""Each block of the reordered network against torchvision's own block, on that block's own input."""

from __future__ import annotations

import pytest
import torch

from echoprime.networks import mvit, seeded_state
from echoprime.networks.architectures import ENCODERS
from echoprime.networks.mvit import ClipEncoder
from echoprime.networks.positions import RelativePositions
from echoprime.networks.weights import build_network

RELATIVE = 1e-5


def with_nothing_silent(state):
    """As seeded, biases are 0, norms are 1 and positions hardly count: mistakes in them would not show."""
    draw = torch.Generator().manual_seed(5)

    def noise(tensor):
        return torch.randn(tensor.shape, generator=draw)

    changed = {key: tensor + 0.2 * noise(tensor) for key, tensor in state.items() if tensor.ndim == 1}
    positions = {key: 0.5 * noise(tensor) for key, tensor in state.items() if ".rel_pos_" in key}
    return state | changed | positions


@pytest.fixture(scope="module", params=["mvit_two_blocks", pytest.param("mvit_v2_s", marks=pytest.mark.slow)])
def module(request):
    state = with_nothing_silent(seeded_state(request.param, 0))
    return build_network(ENCODERS[request.param], 512, state)


@pytest.fixture(scope="module", params=[None, False], ids=["packed", "plain"])
def encoder(request, module):
    return ClipEncoder(module, packed=request.param)


@pytest.fixture(scope="module")
def clip():
    volume = torch.randn(1, 16, 224, 224, 3, generator=torch.Generator().manual_seed(6))
    return volume.permute(0, 4, 1, 2, 3)


def relative_difference(found, expected):
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@torch.inference_mode()
def test_block_by_block(module, encoder, clip):
    tokens = module.pos_encoding(module.conv_proj(clip).flatten(2).transpose(1, 2))
    assert relative_difference(encoder.tokens(clip), tokens[0]) < RELATIVE
    grid = (module.pos_encoding.temporal_size, *module.pos_encoding.spatial_size)
    for number, (theirs, ours) in enumerate(zip(module.blocks, encoder.blocks, strict=True)):
        expected, grid = theirs(tokens, grid)
        assert ours.grid == grid, f"block {number}"
        before = tokens[0].clone()
        assert relative_difference(ours(tokens[0]), expected[0]) < RELATIVE, f"block {number}"
        class_token = ours(tokens[0], class_only=True)
        assert relative_difference(class_token, expected[0, :1]) < RELATIVE, f"block {number}, class token"
        assert torch.equal(tokens[0], before), f"block {number} changed its input"
        tokens = expected


@torch.inference_mode()
def test_the_whole_and_the_same_bytes_again(module, encoder, clip):
    embedding = encoder(clip)
    assert float((embedding - module(clip)).abs().max()) < 1e-5
    assert torch.equal(encoder(torch.cat([clip.flip(3), clip]))[1:], embedding)


@torch.inference_mode()
def test_perceptrons_in_portions(monkeypatch, module, encoder, clip):
    tokens = encoder.tokens(clip)
    expected = encoder.blocks[0](tokens)
    monkeypatch.setattr(mvit, "ROWS_AT_ONCE", len(tokens) // 3 + 1)
    assert relative_difference(encoder.blocks[0](tokens), expected) < RELATIVE


def test_grids_that_do_not_fit_are_refused(module):
    with pytest.raises(ValueError, match=r"distances do not fit grids \(8, 56, 56\) and \(8, 9, 7\)"):
        RelativePositions(module.blocks[0].attn, (8, 56, 56), (8, 9, 7))
