"""A linear layer whose weights are rearranged once for the CPU's matrix kernels, with GELU fused into it.

PyTorch hands a linear layer to oneDNN or MKL, which rearrange the weights anew in every call.
`torch.compile` packs them once, through operators that carry no promise: they are tried when first needed,
in each type by itself, and where this build of PyTorch lacks them or they compute something else, the
ordinary ones take over (6-9 % slower). A GPU needs no packing.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from echoprime.networks.arithmetic import FLOAT32, Arithmetic

Activation = Literal["none", "gelu"]

ROWS_HINT = 1569
"""Rows that the packed layout is chosen for, tokens of most blocks of `mvit_v2_s`; any number may come."""


class Linear:
    """`activation(rows @ weight.T + bias)`.

    Parameters
    ----------
    weight
        float32 (outputs, inputs), on the device that rows will come from.
    bias
        float32 (outputs,).
    activation
        `none` or `gelu` (the exact one).
    arithmetic
        Its type is that of the rows that come and go. Without packing in float32 the tensors are kept as
        they are.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        activation: Activation = "none",
        *,
        arithmetic: Arithmetic = FLOAT32,
    ) -> None:
        self._activation = activation
        self._bias = bias.to(arithmetic.dtype)
        weight = weight.to(arithmetic.dtype)
        self.packed = arithmetic.packed
        if self.packed is None:
            self.packed = weight.device.type == "cpu" and packing_works(arithmetic.dtype)
        self._weight = _pack(weight) if self.packed else weight

    @classmethod
    def of(
        cls, layer: nn.Linear, activation: Activation = "none", *, arithmetic: Arithmetic = FLOAT32
    ) -> Linear:
        """The same layer as torch's."""
        return cls(layer.weight, layer.bias, activation, arithmetic=arithmetic)

    def __call__(self, rows: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs), both of the arithmetic's type."""
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
def packing_works(dtype: torch.dtype = torch.float32) -> bool:
    """Whether PyTorch has the packing operators, and on this CPU they do compute a linear layer."""
    rows = torch.linspace(-1, 1, 24).view(3, 8).to(dtype)
    weight = torch.linspace(-1, 1, 128).view(16, 8).to(dtype)
    bias = torch.ones(16, dtype=dtype)
    expected = functional.linear(rows.float(), weight.float(), bias.float())
    try:
        plain = _packed_linear(rows, _pack(weight), bias, "none")
        gelu = _packed_linear(rows, _pack(weight), bias, "gelu")
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    tolerance = 1e-5 if dtype is torch.float32 else 2e-2
    return torch.allclose(plain.float(), expected, atol=tolerance) and torch.allclose(
        gelu.float(), functional.gelu(expected), atol=tolerance
    )
