"""Shares of videos and views behind each value, what it is without them, and whether its call holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.interpretation.influence import Influence
from echoprime.interpretation.nested import known, lists, structs
from echoprime.interpretation.phenotypes import Plan
from echoprime.retrieval import NO_VIEW, StudyQueries
from echoprime.retrieval.ranges import ranges
from echoprime.tables.evidence_types import VIDEO_INFLUENCE, VIEW_INFLUENCE


def influence_fields(
    queries: StudyQueries,
    plan: Plan,
    there: NDArray[np.bool_],
    values: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    views: Sequence[str],
    influence: Influence | None,
) -> dict[str, Any]:
    """The fields `threshold`, `call`, `stable`, `videos` and `views` of `echoprime.tables.schema.PHENOTYPE`.

    Parameters
    ----------
    queries, plan
        The studies' queries, and which phenotype uses which section's.
    there
        bool (studies, phenotypes): whether its section is assessable.
    values, thresholds
        float64 (studies, phenotypes) and (phenotypes,); NaN = none.
    views
        Names of the section weights' columns.
    influence
        Values without each video and view; None = not asked for.

    Returns
    -------
    dict
        Field -> pyarrow array (studies * phenotypes,).
    """
    called = ~np.isnan(values) & ~np.isnan(thresholds)
    call = values >= thresholds
    shares = _view_shares(queries, plan, len(views))
    counted = (shares > 0) & there[:, :, None]
    without = np.full(shares.shape, np.nan) if influence is None else influence.without_view
    # a call holds where something is left to call
    left = counted & ~np.isnan(without) & called[:, :, None]
    flips = left & ((without >= thresholds[:, None]) != call[:, :, None])
    return {
        "threshold": known(np.tile(thresholds, len(values))),
        "call": pa.array(call.ravel(), mask=~called.ravel()),
        "stable": pa.array(~flips.any(axis=2).ravel(), mask=~left.any(axis=2).ravel()),
        "videos": _videos(queries, plan, there, values, influence),
        "views": _views(counted, shares, without, views),
    }


def _videos(
    queries: StudyQueries,
    plan: Plan,
    there: NDArray[np.bool_],
    values: NDArray[np.float64],
    influence: Influence | None,
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Per study and phenotype its videos; empty where the section is not assessable."""
    study, phenotype = np.nonzero(there)
    counts = queries.videos[study]
    first = (np.cumsum(queries.videos) - queries.videos)[study]
    video = ranges(first, counts)
    number = np.repeat(phenotype, counts)
    share = queries.shares[video, plan.section[number]]
    without = np.full(len(video), np.nan)
    if influence is not None:
        # A video that does not count changes nothing.
        same = values[np.repeat(study, counts), number]
        without = np.where(share > 0, influence.without_video[video, number], same)
    fields = {"share": pa.array(share), "value_without": known(without)}
    return lists(
        np.where(there, queries.videos[:, None], 0).ravel(), structs(fields, VIDEO_INFLUENCE), VIDEO_INFLUENCE
    )


def _view_shares(queries: StudyQueries, plan: Plan, views: int) -> NDArray[np.float64]:
    """float64 (studies, phenotypes, views), added up in the videos' order."""
    study = np.repeat(np.arange(queries.studies), queries.videos)
    counts = queries.views != NO_VIEW
    shares = np.zeros((queries.studies, views, queries.shares.shape[1]))
    np.add.at(shares, (study[counts], queries.views[counts]), queries.shares[counts])
    found: NDArray[np.float64] = shares[:, :, plan.section].transpose(0, 2, 1)
    return found


def _views(
    counted: NDArray[np.bool_],
    shares: NDArray[np.float64],
    without: NDArray[np.float64],
    names: Sequence[str],
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Per study and phenotype the views that count."""
    fields = {
        "view": pa.array(list(names), pa.string()).take(pa.array(np.nonzero(counted)[2])),
        "share": pa.array(shares[counted]),
        "value_without": known(without[counted]),
    }
    return lists(counted.sum(axis=2).ravel(), structs(fields, VIEW_INFLUENCE), VIEW_INFLUENCE)
