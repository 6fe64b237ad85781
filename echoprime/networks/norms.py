"""Layer norms: computed in float32 inside, handed on in the type that the next product takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Norm:
    """A layer norm over the last axis.

    Parameters
    ----------
    norm
        torch's.
    taken
        Type of what comes in; the weights are held in it, since a GPU's kernel wants them alike.
    given
        Type of what goes out.
    scale
        Multiplies the result; folded into the weights.
    """

    def __init__(
        self, norm: nn.LayerNorm, taken: torch.dtype, given: torch.dtype, *, scale: float = 1.0
    ) -> None:
        self._shape, self._eps = norm.normalized_shape, norm.eps
        self._weight, self._bias = ((each * scale).to(taken) for each in (norm.weight, norm.bias))
        self._given = given

    def __call__(self, rows: Tensor) -> Tensor:
        """Normalise (..., channels)."""
        normed = functional.layer_norm(rows, self._shape, self._weight, self._bias, self._eps)
        return normed.to(self._given)
