"""How near the rows are that a search has left out: without a second search, to the bit.

They are known before anything is ranked and mostly few, so they are scored as the nearest are, by the sum of
`echoprime.retrieval.rescoring`, and ranked among those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.filters import Filter
from echoprime.retrieval.left_out import among_best
from echoprime.retrieval.parts import Rows
from echoprime.retrieval.rescoring import rescore
from echoprime.retrieval.scan import Excluded, nearest

ONE_BY_ONE = 256
"""Rows left out of a query that are scored each; of more (a name for all patients) the best are searched."""


def left_out_near(
    rows: Rows,
    queries: NDArray[np.float32],
    excluded: Excluded,
    found_rows: NDArray[np.int64],
    found_scores: NDArray[np.float64],
    k: int,
    largest_norm: float,
    first: Filter,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Of the rows left out those that would be among the k best: queries, rows, scores, ordered as `LeftOut`.

    Parameters
    ----------
    rows
        That were searched.
    queries
        float32 (queries, 512).
    excluded
        What was left out, ordered by query, each pair once.
    found_rows, found_scores
        (queries, k or fewer): what was found without them; -1 and -inf where there are fewer. Of fewer than
        k it is said only what may be among the k best, to be settled by a merge.
    k
        Neighbours that are wanted in the end.
    largest_norm, first
        See `echoprime.retrieval.scan.nearest`.
    """
    lines = len(found_rows)
    many = np.bincount(excluded.query, minlength=lines) > ONE_BY_ONE
    few = ~many[excluded.query]
    query, row = excluded.query[few], excluded.row[few]
    scores = rescore(rows, queries, query, row)
    if many.any():
        these = np.flatnonzero(many)
        nothing = Excluded(query[:0], row[:0])
        best_rows, best_scores = nearest(rows, queries[these], k, largest_norm, nothing, first=first)
        theirs = np.zeros(best_rows.shape, np.bool_)
        for place, line in enumerate(these.tolist()):  # a query at a time: its pairs may be millions
            here = slice(*np.searchsorted(excluded.query, (line, line + 1)))
            theirs[place] = np.isin(best_rows[place], excluded.row[here])
        query = np.concatenate([query, np.broadcast_to(these[:, None], theirs.shape)[theirs]])
        row, scores = np.concatenate([row, best_rows[theirs]]), np.concatenate([scores, best_scores[theirs]])
    kept = among_best(query, row, scores, found_rows, found_scores, k)
    return query[kept], row[kept], scores[kept]
