from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from echoprime.networks import linear
from echoprime.networks.arithmetic import Arithmetic
from echoprime.networks.linear import Linear, packing_works

TOLERANCES = {torch.float32: {"rtol": 1e-5, "atol": 1e-6}, torch.bfloat16: {"rtol": 2e-2, "atol": 2e-2}}


@pytest.fixture
def layer():
    torch.manual_seed(3)
    return nn.Linear(40, 24).requires_grad_(False)


@pytest.fixture
def rows():
    return torch.randn(37, 40, generator=torch.Generator().manual_seed(4))


@pytest.fixture(params=[False, None], ids=["plain", "packed where that works"])
def packed(request):
    return request.param


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bf16"])
def arithmetic(request, packed):
    return Arithmetic(request.param, packed=packed)


def close(found, expected):
    torch.testing.assert_close(found.float(), expected, **TOLERANCES[found.dtype])


@torch.inference_mode()
def test_it_is_a_linear_layer_with_and_without_gelu(layer, rows, arithmetic):
    given = rows.to(arithmetic.dtype)
    close(Linear.of(layer, arithmetic=arithmetic)(given), layer(rows))
    made = Linear.of(layer, "gelu", arithmetic=arithmetic)(given)
    assert made.dtype is arithmetic.dtype
    close(made, functional.gelu(layer(rows)))


@torch.inference_mode()
def test_rows_of_any_number_and_shape(layer, rows, arithmetic):
    made = Linear.of(layer, arithmetic=arithmetic)
    for some in (rows[:1], rows[3:20], rows[:36].view(4, 9, 40), rows[::2]):
        close(made(some.to(arithmetic.dtype)), layer(some))


@torch.inference_mode()
def test_a_part_of_a_larger_weight(layer, rows, arithmetic):
    made = Linear(layer.weight.chunk(3)[1], layer.bias.chunk(3)[1], arithmetic=arithmetic)
    close(made(rows.to(arithmetic.dtype)), layer(rows)[:, 8:16])


def missing(weight):
    raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_reorder_linear_weight'")


def wrong(weight):
    return torch.ops.mkldnn._reorder_linear_weight((weight + 1).contiguous(), 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pack", [missing, wrong])
@torch.inference_mode()
def test_without_the_private_operator_the_plain_layer_takes_over(monkeypatch, layer, rows, pack, dtype):
    monkeypatch.setattr(linear, "_pack", pack)
    packing_works.cache_clear()
    try:
        made = Linear.of(layer, "gelu", arithmetic=Arithmetic(dtype))
        assert not made.packed
        plain = functional.linear(rows.to(dtype), layer.weight.to(dtype), layer.bias.to(dtype))
        assert torch.equal(made(rows.to(dtype)), functional.gelu(plain))
    finally:
        packing_works.cache_clear()
