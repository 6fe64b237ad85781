"""SearchCandidates: queries to every shard at once, their answers merged. Exact, whatever the shards."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from echoprime.errors import StalledError
from echoprime.retrieval import ShardHits, search_shards
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
        Of `echoprime.retrieval.search_shards`.

    Raises
    ------
    StalledError
        A shard does not answer, also after it was started anew.
    """

    def ask(asked: Sequence[Mapping[str, Any] | None]) -> list[Any]:
        return ask_shards(shards, "search", asked)

    return search_shards(ask, len(shards.handles), **arguments)


def ask_shards(shards: ShardActors, method: str, arguments: Sequence[Any]) -> list[Any]:
    """What the shards answer, in the order of their rows.

    Parameters
    ----------
    shards
        The actors.
    method
        Of `operators.candidate_shard.CandidateShard`.
    arguments
        One a shard, None for one that is not asked, whose answer is None; what several are asked is put into
        the object store once.

    Raises
    ------
    StalledError
        A shard does not answer, also after it was started anew.
    """
    import ray

    asked = [place for place, each in enumerate(arguments) if each is not None]
    distinct = {id(arguments[place]): arguments[place] for place in asked}
    put = {name: ray.put(each) for name, each in distinct.items()}
    answers = {
        getattr(shards.handles[place], method).remote(put[id(arguments[place])]): shards.handles[place]
        for place in asked
    }
    for attempt in range(TRIES + 1):
        _, late = ray.wait(list(answers), num_returns=len(answers), timeout=shards.stall_seconds)
        if not late:
            break
        if attempt == TRIES:
            raise StalledError(
                f"interpret: {len(late)} of {len(shards.handles)} candidate shards do not answer, also after "
                f"{TRIES} new starts; look at their nodes, then run the same command again"
            )
        log.warning("%d candidate shards are started anew: no answer", len(late))
        for answer in late:
            ray.kill(answers[answer], no_restart=False)  # Ray repeats what it was asked
    found: list[Any] = [None] * len(arguments)
    for place, answer in zip(asked, ray.get(list(answers)), strict=True):
        found[place] = answer
    return found
