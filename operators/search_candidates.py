"""SearchCandidates: queries to every shard at once, their answers merged. Exact, whatever the shards."""

from __future__ import annotations

import logging
from typing import Any

from echoprime.errors import StalledError
from echoprime.retrieval import ShardHits, merge
from operators.candidate_shard import ShardActors

log = logging.getLogger(__name__)

TRIES = 2
"""How often shards that do not answer are started anew."""


def search_candidates(shards: ShardActors, **arguments: Any) -> ShardHits:  # noqa: ANN401
    """The nearest candidates of each query among all shards.

    Parameters
    ----------
    shards
        The actors.
    arguments
        Of `echoprime.retrieval.Shard.search`.

    Raises
    ------
    StalledError
        A shard does not answer, also after it was started anew.
    """
    return merge(ask_shards(shards, "search", arguments))


def ask_shards(shards: ShardActors, method: str, argument: Any) -> list[Any]:  # noqa: ANN401
    """What every shard answers, in the order of their rows.

    Parameters
    ----------
    shards
        The actors.
    method
        Of `operators.candidate_shard.CandidateShard`.
    argument
        Its argument; put into the object store once, not once a shard.

    Raises
    ------
    StalledError
        A shard does not answer, also after it was started anew.
    """
    import ray

    shared = ray.put(argument)
    answers = {getattr(handle, method).remote(shared): handle for handle in shards.handles}
    for attempt in range(TRIES + 1):
        _, late = ray.wait(list(answers), num_returns=len(answers), timeout=shards.stall_seconds)
        if not late:
            break
        if attempt == TRIES:
            raise StalledError(
                f"interpret: {len(late)} of {len(answers)} candidate shards do not answer, also after "
                f"{TRIES} new starts; look at their nodes, then run the same command again"
            )
        log.warning("%d candidate shards are started anew: no answer", len(late))
        for answer in late:
            ray.kill(answers[answer], no_restart=False)  # Ray repeats what it was asked
    found: list[Any] = ray.get(list(answers))
    return found
