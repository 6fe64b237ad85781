"""Whether nodes have the memory, and Ray's object store the room, for the pools that a job would start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.encode import ROW_BYTES
from pipelines.examination.findings import Finding, ok, warning
from pipelines.pools import EncodePools, Pool

BLOCKS_PER_ACTOR = 3
"""Rows of up to eight clips that an actor keeps in the store: two that wait for it, one that it gave out."""

RAY_BYTES = 0.5e9
"""Of a node's own processes, beside its object store."""


@dataclass(frozen=True, kw_only=True)
class NodeSize:
    """What a node has, in bytes where it is memory, and what an actor of each pool was seen to take there.

    Attributes
    ----------
    memory, store
        Of the node or its container; of Ray's object store, which is a part of it.
    cores, gpus
        As Ray counts them.
    reader, network
        Bytes that the small job took at most on this node; None: not known.
    """

    memory: int
    store: float
    cores: float
    gpus: float
    reader: int | None = None
    network: int | None = None


def memory_finding(nodes: Mapping[str, NodeSize], pools: EncodePools) -> Finding:
    """Whether each node has memory for its share of the actors, as large as they were seen to be.

    Parameters
    ----------
    nodes
        Name -> what it has.
    pools
        Of the job, as it starts; Ray spreads a pool by what its actors ask for.
    """
    short: list[tuple[float, str]] = []
    told: list[tuple[float, str]] = []
    for name, node in sorted(nodes.items()):
        if node.reader is None or node.network is None:
            continue
        readers = _share(pools.readers, node, nodes)
        networks = _share(pools.encoders, node, nodes) + _share(pools.view_classifiers, node, nodes)
        needed = readers * node.reader + networks * node.network + node.store + RAY_BYTES
        said = (
            f"{name}: {needed / 1e9:.1f} of {node.memory / 1e9:.1f} GB for {readers:.0f} readers, "
            f"{networks:.0f} networks and the object store"
        )
        (short if needed > node.memory else told).append((needed / node.memory, said))
    if short:
        return warning(
            "memory",
            "; ".join(said for _, said in short),
            "fewer --readers, --encoders and --view-classifiers, or nodes with more memory",
        )
    if not told:
        return warning("memory", "not compared: no node did the small job")
    return ok("memory", f"the fullest node, {max(told)[1]}")


def store_finding(nodes: Mapping[str, NodeSize], pools: EncodePools) -> Finding:
    """Whether Ray's object store holds the clips under way of all pools; what does not fit goes to disk.

    Parameters
    ----------
    nodes, pools
        As `memory_finding` takes them.
    """
    actors = sum(pool.actors for pool in (pools.readers, pools.encoders, pools.view_classifiers))
    needed = actors * BLOCKS_PER_ACTOR * ROW_BYTES
    there = sum(node.store for node in nodes.values())
    found = f"{there / 1e9:.2f} GB on {len(nodes)} nodes, {needed / 1e9:.2f} wanted by {actors} actors' clips"
    if there < needed:
        each = needed / max(1, len(nodes))
        return warning("object store", found, f"ray start --object-store-memory={each:.0f} on each node")
    return ok("object store", found)


def _share(pool: Pool, node: NodeSize, nodes: Mapping[str, NodeSize]) -> float:
    """Actors of a pool that land on a node: by its GPUs where they ask for those, else by its cores."""
    kind = "gpus" if pool.gpus else "cores"
    whole = sum(getattr(each, kind) for each in nodes.values())
    return pool.actors * getattr(node, kind) / whole if whole else 0.0
