"""Each block of the reordered network against torchvision's own block, on that block's own input."""

from __future__ import annotations

import pytest
import torch

from echoprime.networks import mvit, seeded_state
from echoprime.networks.architectures import ENCODERS
from echoprime.networks.arithmetic import Arithmetic
from echoprime.networks.mvit import ClipEncoder
from echoprime.networks.positions import RelativePositions
from echoprime.networks.weights import build_network
from tests.echoprime.networks.differences import cosine, largest, typical

RELATIVE = 1e-5
"""Float32: largest difference of a block, as a share of its largest value."""

BLOCK_IN_BF16 = 0.02
"""bfloat16: root mean square of a block's difference, as a share of its values'. Measured: below 0.01."""

COSINE_IN_BF16 = 0.999
"""bfloat16: least cosine of an embedding with its own in float32, with positions that count for much."""


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


@pytest.fixture(scope="module")
def clips():
    volume = torch.randn(2, 16, 224, 224, 3, generator=torch.Generator().manual_seed(6))
    return volume.permute(0, 4, 1, 2, 3)


@pytest.fixture(scope="module")
@torch.inference_mode()
def theirs(module, clips):
    """torchvision's tokens before each block, and after the last."""
    tokens = [module.pos_encoding(module.conv_proj(clips).flatten(2).transpose(1, 2))]
    grid = (module.pos_encoding.temporal_size, *module.pos_encoding.spatial_size)
    for block in module.blocks:
        following, grid = block(tokens[-1], grid)
        tokens.append(following)
    return tokens


@pytest.mark.parametrize(
    ("arithmetic", "difference", "tolerance"),
    [
        (Arithmetic(), largest, RELATIVE),
        (Arithmetic(packed=False), largest, RELATIVE),
        (Arithmetic(fused=False), largest, RELATIVE),
        (Arithmetic(torch.bfloat16), typical, BLOCK_IN_BF16),
        (Arithmetic(torch.bfloat16, packed=False), typical, BLOCK_IN_BF16),
        (Arithmetic(torch.bfloat16, packed=False, fused=True), typical, BLOCK_IN_BF16),
    ],
    ids=["float32", "float32 plain", "float32 products", "bf16", "bf16 plain", "bf16 as on a GPU"],
)
@torch.inference_mode()
def test_block_by_block(module, clips, theirs, arithmetic, difference, tolerance):
    encoder = ClipEncoder(module, arithmetic=arithmetic)
    assert difference(encoder.tokens(clips), theirs[0]) < tolerance
    for number, ours in enumerate(encoder.blocks):
        tokens, expected = theirs[number], theirs[number + 1]
        before = tokens.clone()
        found = ours(tokens)
        assert found.dtype is torch.float32
        assert difference(found, expected) < tolerance, f"block {number}"
        class_token = ours(tokens, class_only=True)
        assert difference(class_token, expected[:, :1]) < tolerance, f"block {number}, class token"
        assert torch.equal(tokens, before), f"block {number} changed its input"


@torch.inference_mode()
def test_the_whole_and_the_same_bytes_again(module, clips):
    encoder = ClipEncoder(module)
    embeddings = encoder(clips)
    assert float((embeddings - module(clips)).abs().max()) < 1e-5
    assert torch.equal(encoder(clips), embeddings)


@pytest.mark.parametrize("packed", [None, False])
@torch.inference_mode()
def test_the_whole_in_bfloat16_and_the_same_bytes_again(module, clips, packed):
    encoder = ClipEncoder(module, arithmetic=Arithmetic(torch.bfloat16, packed=packed))
    embeddings = encoder(clips)
    assert embeddings.dtype is torch.float32
    assert COSINE_IN_BF16 < cosine(embeddings, module(clips)) < 1 - 1e-8
    assert torch.equal(encoder(clips), embeddings)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_perceptrons_in_portions(monkeypatch, module, clips, dtype):
    encoder = ClipEncoder(module, arithmetic=Arithmetic(dtype))
    tokens = encoder.tokens(clips[:1])
    expected = encoder.blocks[0](tokens)
    monkeypatch.setattr(mvit, "ROWS_AT_ONCE", tokens.shape[1] // 3 + 1)
    assert largest(encoder.blocks[0](tokens), expected) < RELATIVE


def test_grids_that_do_not_fit_are_refused(module):
    with pytest.raises(ValueError, match=r"distances do not fit grids \(8, 56, 56\) and \(8, 9, 7\)"):
        RelativePositions(module.blocks[0].attn, (8, 56, 56), (8, 9, 7))
