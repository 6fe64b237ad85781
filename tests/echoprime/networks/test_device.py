from __future__ import annotations

import pytest
import torch

from echoprime.errors import SettingError
from echoprime.networks import select_device


def test_auto_takes_a_gpu_where_there_is_one():
    assert select_device() == ("cuda" if torch.cuda.is_available() else "cpu")


def test_unknown_and_absent_devices_are_refused():
    with pytest.raises(SettingError, match="'abacus' is not known; use auto, cpu or cuda"):
        select_device("abacus")
    with pytest.raises(SettingError, match="'cuda:99' is not there"):
        select_device("cuda:99")
