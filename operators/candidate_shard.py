"""CandidateShard: an actor that holds a range of the candidates' rows and answers searches.

It asks for a hundredth of a core, since shards that ask for whole ones starve the job without a word, and
for no memory: its rows are memory-mapped and shared with the page cache. (Its filter's memory is its own: by
default none for few rows or queries, else a sixteenth to a half of the rows' in principal directions, or a
quarter at most in int8, with 260 MB for torch, see `echoprime.retrieval.first_pass`; and some 200 MB of what
passes a search's first scores.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval import Candidates, DrawnCandidates, FilterName, Shard, ShardHits

CORES = 0.01
RESTARTS = 10

STALL_SECONDS = 900.0
"""A batch of queries takes seconds, the copy of a candidate set from a bucket minutes."""


class CandidateShard:
    """Rows `first` to `last` of a candidate set, memory-mapped from this node's copy.

    Parameters
    ----------
    candidates
        The set; from a bucket it is copied once to each node and verified.
    first, last
        Range of rows, the last one excluded.
    search_filter
        The filter of its searches.
    """

    def __init__(
        self, candidates: Candidates, first: int, last: int, search_filter: FilterName = "auto"
    ) -> None:
        self._candidates = candidates
        self._range = first, last
        self._first_pass = search_filter

    @cached_property
    def _shard(self) -> Shard:
        """Opened by the first search: its error ends the job in one line, a constructor's as Ray's text."""
        return self._candidates.shard(*self._range, self._first_pass)

    def search(self, arguments: Mapping[str, Any]) -> ShardHits:
        """See `echoprime.retrieval.Shard.search`, whose arguments these are.

        Ray gives an actor of less than a core one thread (OMP_NUM_THREADS): a shard a core uses them all.
        """
        return self._shard.search(**arguments)

    def drawn(self, rows: NDArray[np.int64]) -> DrawnCandidates:
        """See `echoprime.retrieval.Shard.drawn`."""
        return self._shard.drawn(rows)


@dataclass(frozen=True)
class ShardActors:
    """The actors of one run, together all candidates. Travels to the stages that search.

    Attributes
    ----------
    handles
        One a shard, in the order of their rows.
    stall_seconds
        A shard that has not answered after so long is started anew.
    """

    handles: tuple[Any, ...]
    stall_seconds: float

    @classmethod
    def start(
        cls,
        candidates: Candidates,
        *,
        shards: int,
        run_id: str,
        search_filter: FilterName = "auto",
        stall_seconds: float = STALL_SECONDS,
    ) -> ShardActors:
        """Start the actors, spread over the nodes.

        Parameters
        ----------
        candidates
            Opened set.
        shards
            How many.
        run_id
            Part of the actors' names.
        search_filter
            The filter of their searches.
        stall_seconds
            As the attribute.
        """
        import ray

        actor: Any = ray.remote(CandidateShard)
        handles = []
        for number, (first, last) in enumerate(candidates.ranges(shards)):
            handles.append(
                actor.options(
                    name=f"candidates-{run_id}-{number}",
                    num_cpus=CORES,
                    max_restarts=RESTARTS,
                    max_task_retries=-1,
                    scheduling_strategy="SPREAD",
                ).remote(candidates, first, last, search_filter)
            )
        return cls(tuple(handles), stall_seconds)

    def stop(self) -> None:
        """End the actors; a cluster that outlives the run gets its memory back."""
        import ray

        for handle in self.handles:
            ray.kill(handle)
