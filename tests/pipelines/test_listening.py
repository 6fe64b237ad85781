"""The Ray of this machine listens on loopback alone."""

from __future__ import annotations

import os

import pytest

from pipelines.ray_session import ClusterSize
from tests.process_tree import LOOPBACK, descendants, listening


@pytest.mark.ray
def test_a_local_ray_listens_on_loopback(cluster: ClusterSize) -> None:
    found = set(listening(list(descendants(os.getpid()))))
    assert any("gcs_server" in name for _, name in found)
    assert any("raylet" in name for _, name in found)
    assert {(address, name) for address, name in found if address not in LOOPBACK} == set()
