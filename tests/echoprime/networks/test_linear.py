from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from echoprime.networks import linear
from echoprime.networks.linear import Linear, packing_works


@pytest.fixture
def layer():
    torch.manual_seed(3)
    return nn.Linear(40, 24).requires_grad_(False)


@pytest.fixture
def rows():
    return torch.randn(37, 40, generator=torch.Generator().manual_seed(4))


@pytest.fixture(params=[False, True], ids=["plain", "packed"])
def packed(request):
    if request.param and not packing_works():
        pytest.skip("this build of PyTorch cannot pack, and the plain layer is used")
    return request.param


@torch.inference_mode()
def test_it_is_a_linear_layer_with_and_without_gelu(layer, rows, packed):
    torch.testing.assert_close(Linear.of(layer, packed=packed)(rows), layer(rows), rtol=1e-5, atol=1e-6)
    expected = functional.gelu(layer(rows))
    torch.testing.assert_close(Linear.of(layer, "gelu", packed=packed)(rows), expected, rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_rows_of_any_number_and_shape(layer, rows, packed):
    made = Linear.of(layer, packed=packed)
    for some in (rows[:1], rows[3:20], rows[:36].view(4, 9, 40), rows[::2]):
        torch.testing.assert_close(made(some), layer(some), rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_a_part_of_a_larger_weight(layer, rows, packed):
    made = Linear(layer.weight.chunk(3)[1], layer.bias.chunk(3)[1], packed=packed)
    torch.testing.assert_close(made(rows), layer(rows)[:, 8:16], rtol=1e-5, atol=1e-6)


def missing(weight):
    raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_reorder_linear_weight'")


def wrong(weight):
    return torch.ops.mkldnn._reorder_linear_weight((weight + 1).contiguous(), 1)


@pytest.mark.parametrize("pack", [missing, wrong])
@torch.inference_mode()
def test_without_the_private_operator_the_plain_layer_takes_over(monkeypatch, layer, rows, pack):
    monkeypatch.setattr(linear, "_pack", pack)
    packing_works.cache_clear()
    try:
        made = Linear.of(layer, "gelu")
        assert not made.packed
        assert torch.equal(made(rows), functional.gelu(layer(rows)))
    finally:
        packing_works.cache_clear()
