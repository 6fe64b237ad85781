"""Actors are sized for what the cluster has, and refused where they would wait for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.errors import SettingError
from pipelines.pools import READ_TASK_CORES, READER_CORES, encode_pools
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncoderPools


@given(cores=st.integers(2, 2000), gpus=st.integers(0, 64))
def test_defaults_fit_every_cluster(cores: int, gpus: int) -> None:
    cluster = ClusterSize(cores=max(cores, gpus + 2), gpus=gpus, nodes=1)
    pools = encode_pools(EncoderPools(), cluster)
    every = (pools.readers, pools.encoders, pools.view_classifiers)
    assert sum(pool.actors * pool.cores for pool in every) + READ_TASK_CORES <= cluster.cores + 1e-6
    assert sum(pool.actors * pool.gpus for pool in every) <= gpus + 1e-6
    assert all(pool.actors >= 1 for pool in every)
    assert pools.device == ("cuda" if gpus else "cpu")


@given(cores=st.integers(3, 2000), gpus=st.integers(0, 64), more=st.integers(0, 500))
def test_readers_that_grow_begin_with_what_fits(cores: int, gpus: int, more: int) -> None:
    cluster = ClusterSize(cores=max(cores, gpus + 3), gpus=gpus, nodes=1)
    most = cluster.cores + more
    pools = encode_pools(EncoderPools(max_readers=most), cluster)
    every = (pools.readers, pools.encoders, pools.view_classifiers)
    assert sum(pool.actors * pool.cores for pool in every) + READ_TASK_CORES <= cluster.cores + 1e-6
    assert pools.readers.most == most
    # Ray adds nodes for cores that are asked for, so each asks for one; the other pools keep their size
    assert pools.readers.cores == READER_CORES
    assert pools.encoders.most is pools.view_classifiers.most is None
    assert all(pool.actors >= 1 for pool in every)


@pytest.mark.parametrize(
    ("wanted", "cores", "gpus", "said"),
    [
        (EncoderPools(encoders=8), 2, 0, "--encoders 8"),
        (EncoderPools(encoders=2), 8, 1, "2 and 0|1.75 GPUs"),
        (EncoderPools(readers=9), 4, 1, "--readers 9"),
        (EncoderPools(device="cuda"), 4, 0, "--device cuda"),
        (EncoderPools(readers=3, max_readers=2), 8, 0, "--max-readers 2: there are 3 readers at first"),
    ],
)
def test_what_does_not_fit_is_refused(wanted: EncoderPools, cores: int, gpus: int, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        encode_pools(wanted, ClusterSize(cores=cores, gpus=gpus, nodes=1))
