"""Memory and object store against what a job's pools take."""

from __future__ import annotations

from dataclasses import replace

from pipelines.examination.room import BLOCKS_PER_ACTOR, NodeSize, memory_finding, store_finding
from pipelines.pools import EncodePools, Pool, encode_pools
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncoderPools

GB = 10**9
NODE = NodeSize(memory=32 * GB, store=8 * GB, cores=16, gpus=0, reader=GB // 2, network=3 * GB // 2)
POOLS = encode_pools(EncoderPools(), ClusterSize(cores=16, gpus=0, nodes=1))


def test_a_node_with_memory_for_all_of_its_actors_is_fit() -> None:
    """4 readers, 16 encoders and 4 classifiers: 2 + 30 GB, beside 8 for the store."""
    short = memory_finding({"a": NODE}, POOLS)
    assert short.state == "warning"
    assert "a: 40.5 of 32.0 GB for 4 readers, 20 networks" in short.found
    assert "--encoders" in short.cure
    assert memory_finding({"a": replace(NODE, memory=41 * GB)}, POOLS).state == "ok"


def test_actors_are_shared_out_by_what_they_ask_for() -> None:
    """Encoders lie where GPUs are; readers where cores are."""
    pools = EncodePools("cuda", Pool(30, 0.9), Pool(1, 0.0, 0.75), Pool(1, 0.0, 0.25))
    nodes = {
        "cores": replace(NODE, cores=20, memory=20 * GB),
        "gpu": replace(NODE, cores=10, gpus=1, memory=20 * GB),
    }
    assert memory_finding(nodes, pools).state == "ok"
    finding = memory_finding({**nodes, "cores": replace(nodes["cores"], memory=18 * GB)}, pools)
    assert finding.state == "warning"
    assert finding.found == "cores: 18.5 of 18.0 GB for 20 readers, 0 networks and the object store"


def test_a_node_that_did_not_do_the_small_job_is_not_judged() -> None:
    assert memory_finding({"a": replace(NODE, network=None)}, POOLS).state == "warning"


def test_the_store_must_hold_the_clips_of_every_actor() -> None:
    """24 actors, three rows of 20 MB each: 1.44 GB."""
    assert BLOCKS_PER_ACTOR == 3
    assert store_finding({"a": replace(NODE, store=1.5 * GB)}, POOLS).state == "ok"
    small = store_finding({"a": replace(NODE, store=0.7 * GB), "b": replace(NODE, store=0.7 * GB)}, POOLS)
    assert small.state == "warning"
    assert "1.40 GB on 2 nodes, 1.44 wanted" in small.found
    assert "--object-store-memory=720000000" in small.cure
