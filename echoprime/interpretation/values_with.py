"""What each value would be had candidates of the same study or patient not been left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echoprime.interpretation.phenotypes import Plan, values
from echoprime.retrieval import ShardHits, StudyQueries


def values_with_left_out(
    plan: Plan,
    queries: StudyQueries,
    hits: ShardHits,
    found: NDArray[np.float64],
) -> NDArray[np.float64]:
    """float64 (studies, phenotypes); NaN = none: the same bits as of a search that leaves nothing out.

    Parameters
    ----------
    plan
        Which phenotypes are averaged over which section's neighbours.
    queries, hits
        The studies' queries and their answers, in the same order; asked for with `near_left_out`.
    found
        float64 (studies, phenotypes): the values without them.
    """
    near = hits.near_left_out
    if not len(near):
        return found
    lines = np.unique(near.query)
    position = np.full(queries.assessable.shape, -1, np.int64)
    position[queries.study[lines], queries.section[lines]] = np.arange(len(lines))
    with_them = values(plan, _labels_with(hits, lines), position)
    return np.where(position[:, plan.section] >= 0, with_them, found)


def _labels_with(hits: ShardHits, lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 (lines, k, labels): of the k nearest of all, best first."""
    near = hits.near_left_out
    line = np.searchsorted(lines, near.query)
    place = hits.k + np.arange(len(near)) - np.searchsorted(near.query, near.query)
    width = int(place.max()) + 1
    rows = np.full((len(lines), width), -1, np.int64)
    scores = np.full((len(lines), width), -np.inf)
    labels = np.full((len(lines), width, hits.labels.shape[2]), np.nan)
    rows[:, : hits.k], scores[:, : hits.k], labels[:, : hits.k] = (
        each[lines] for each in (hits.rows, hits.scores, hits.labels)
    )
    rows[line, place], scores[line, place], labels[line, place] = near.rows, near.scores, near.labels
    # places without a row come last: no row scores -inf
    order = np.lexsort((rows, -scores), axis=1)[:, : hits.k]
    best: NDArray[np.float64] = np.take_along_axis(labels, order[:, :, None], axis=1)
    return best
