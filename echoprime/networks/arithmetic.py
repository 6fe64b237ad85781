"""In what the networks' large products are computed: float32, or bfloat16 where the hardware has it.

`precision` is the user's word for it and part of a table's identity, since the two give other numbers. In
`bf16` matrices and convolutions take bfloat16 and sum in float32; the tokens' running sum, its norms and the
last layer stay float32. On cores it needs AVX512-BF16 or AMX: elsewhere bfloat16 is emulated, and slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from echoprime.errors import SettingError

Precision = Literal["float32", "bf16"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""Their names; float32 is the default everywhere."""

CPU_FEATURES = ("avx512_bf16", "amx_bf16")
"""One of them makes bfloat16 products faster than float32 ones."""


@dataclass(frozen=True)
class Arithmetic:
    """How a network computes its products.

    Parameters
    ----------
    dtype
        Of the weights and inputs of matrix products and convolutions.
    packed
        Whether linear layers rearrange their weights once (see `Linear`); None = where that works.
    fused
        Whether attention is one fused kernel, or two products with the softmax between; None = whichever is
        faster: on cores in bfloat16 the two products are (280 GFLOP/s against 150), elsewhere the kernel is.
    """

    dtype: torch.dtype = torch.float32
    packed: bool | None = None
    fused: bool | None = None

    def fuses(self, device: torch.device) -> bool:
        """Whether attention is one kernel on a device.

        Examples
        --------
        >>> Arithmetic().fuses(torch.device("cpu")), Arithmetic(torch.bfloat16).fuses(torch.device("cpu"))
        (True, False)
        """
        if self.fused is not None:
            return self.fused
        return device.type != "cpu" or self.dtype is torch.float32


FLOAT32 = Arithmetic()
BF16 = Arithmetic(torch.bfloat16)


def arithmetic_for(precision: str, device: torch.device) -> Arithmetic:
    """Turn the setting into what the networks take.

    Raises
    ------
    SettingError
        No such precision, or the device has none: says which it is and the cure.

    Examples
    --------
    >>> arithmetic_for("float32", torch.device("cpu")).dtype
    torch.float32
    >>> arithmetic_for("fp8", torch.device("cpu"))
    Traceback (most recent call last):
    ...
    echoprime.errors.SettingError: precision 'fp8' is not one of float32, bf16
    """
    if precision not in PRECISIONS:
        raise SettingError(f"precision {precision!r} is not one of {', '.join(PRECISIONS)}")
    if precision == "float32":
        return FLOAT32
    if not has_bf16(device):
        lacking = "CPU has neither AVX512-BF16 nor AMX" if device.type == "cpu" else "GPU has no bfloat16"
        raise SettingError(f"precision 'bf16': this {lacking}; use float32, or a machine that has it")
    return BF16


def has_bf16(device: torch.device) -> bool:
    """Whether a device of this machine computes in bfloat16, rather than emulating it."""
    if device.type == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return any(cpu_features().get(name, False) for name in CPU_FEATURES)


def cpu_features() -> dict[str, bool]:
    """Which of `CPU_FEATURES` this machine has."""
    found = torch.cpu.get_capabilities()
    return {name: bool(found.get(name, False)) for name in CPU_FEATURES}
