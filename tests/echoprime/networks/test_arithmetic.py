from __future__ import annotations

from pathlib import Path

import pytest
import torch

from echoprime.errors import SettingError
from echoprime.networks import ViewClassifier, arithmetic
from echoprime.networks.arithmetic import BF16, FLOAT32, arithmetic_for, has_bf16

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("features", "there"),
    [
        ({}, False),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
    ],
)
def test_bf16_is_taken_where_the_cpu_has_it_and_refused_in_one_line_elsewhere(
    monkeypatch, features, there, classifier_state
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert has_bf16(CPU) is there
    if there:
        assert arithmetic_for("bf16", CPU) is BF16
        return
    with pytest.raises(SettingError, match="'bf16': this CPU has neither AVX512-BF16 nor AMX; use float32"):
        ViewClassifier("convnext_two_blocks", classifier_state, precision="bf16")
    assert arithmetic_for("float32", CPU) is FLOAT32


def test_a_gpu_that_is_not_there_has_no_bf16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingError, match="this GPU has no bfloat16"):
        arithmetic_for("bf16", torch.device("cuda"))


def test_what_this_machine_says_is_what_linux_says():
    described = Path("/proc/cpuinfo")
    flags = described.read_text().split() if described.exists() else []
    assert arithmetic.cpu_features() == {name: name in flags for name in arithmetic.CPU_FEATURES}
