"""SearchCandidates: queries to every shard at once, their answers merged. Exact, whatever the shards."""

from __future__ import annotations

from typing import Any

from echoprime.retrieval import ShardHits, merge
from operators.candidate_shard import ShardActors


def search_candidates(shards: ShardActors, **arguments: Any) -> ShardHits:  # noqa: ANN401
    """The nearest candidates of each query among all shards.

    Parameters
    ----------
    shards
        The actors.
    arguments
        Of `echoprime.retrieval.Shard.search`; put into the object store once, not once a shard.
    """
    import ray

    shared = ray.put(arguments)
    return merge(ray.get([handle.search.remote(shared) for handle in shards.handles]))
