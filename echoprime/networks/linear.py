"""A linear layer whose weights are rearranged once for the CPU's matrix kernels, with GELU fused into it.

PyTorch hands a linear layer to oneDNN or MKL, which rearrange the weights anew in every call.
`torch.compile` packs them once, through operators that carry no promise: they are tried when first needed,
and where this build of PyTorch lacks them or they compute something else, the ordinary ones take over
(6-9 % slower).
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["none", "gelu"]

ROWS_HINT = 1569
"""Rows that the packed layout is chosen for, tokens of most blocks of `mvit_v2_s`; any number may come."""


class Linear:
    """`activation(rows @ weight.T + bias)`, float32, on cores.

    Parameters
    ----------
    weight
        float32 (outputs, inputs).
    bias
        float32 (outputs,).
    activation
        `none` or `gelu` (the exact one).
    packed
        Whether to pack the weights; None = where that works. Without, the tensors are kept as they are.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, activation: Activation = "none", *, packed: bool | None = None
    ) -> None:
        self._bias = bias
        self._activation = activation
        self.packed = packing_works() if packed is None else packed
        self._weight = _pack(weight) if self.packed else weight

    @classmethod
    def of(cls, layer: nn.Linear, activation: Activation = "none", *, packed: bool | None = None) -> Linear:
        """The same layer as torch's."""
        return cls(layer.weight, layer.bias, activation, packed=packed)

    def __call__(self, rows: Tensor) -> Tensor:
        """Float32 (..., inputs) to float32 (..., outputs)."""
        if self.packed:
            return _packed_linear(rows, self._weight, self._bias, self._activation)
        result = functional.linear(rows, self._weight, self._bias)
        return functional.gelu(result) if self._activation == "gelu" else result


def _pack(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS_HINT)
    return packed


def _packed_linear(rows: Tensor, packed: Tensor, bias: Tensor, activation: Activation) -> Tensor:
    # the last argument chooses the formula of GELU: "none" is the exact one
    formula = "none" if activation == "gelu" else ""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(rows, packed, bias, activation, [], formula)
    return result


@cache
def packing_works() -> bool:
    """Whether PyTorch has the packing operators, and on this CPU they do compute a linear layer."""
    rows, weight, bias = (
        torch.linspace(-1, 1, 24).view(3, 8),
        torch.linspace(-1, 1, 128).view(16, 8),
        torch.ones(16),
    )
    expected = functional.linear(rows, weight, bias)
    try:
        plain = _packed_linear(rows, _pack(weight), bias, "none")
        gelu = _packed_linear(rows, _pack(weight), bias, "gelu")
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return torch.allclose(plain, expected, atol=1e-5) and torch.allclose(
        gelu, functional.gelu(expected), atol=1e-5
    )
