"""OwnSimilarities: how near the candidates lie to each other, asked of the shards before the first study."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval import Candidates, drawn_rows, own_similarities
from operators.candidate_shard import ShardActors
from operators.search_candidates import ask_shards, search_candidates


def search_own_similarities(candidates: Candidates, shards: ShardActors) -> NDArray[np.float64]:
    """As `echoprime.retrieval.own_similarities` of the whole set; the shards do not matter.

    Parameters
    ----------
    candidates
        The set.
    shards
        Actors with its rows.

    Raises
    ------
    StalledError
        A shard does not answer, also after it was started anew.
    """
    drawn = ask_shards(shards, "drawn", [drawn_rows(candidates.rows)] * len(shards.handles))
    return own_similarities(drawn, partial(search_candidates, shards))
