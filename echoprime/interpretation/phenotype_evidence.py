"""What each value rests on: the nested `phenotypes` column, built from flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.bundle import Phenotype
from echoprime.interpretation.calibrated import calibrated_cells
from echoprime.interpretation.clip_fields import clips_field
from echoprime.interpretation.clip_values import ClipValues
from echoprime.interpretation.influence import Influence
from echoprime.interpretation.influence_fields import influence_fields
from echoprime.interpretation.nested import known, lists, structs
from echoprime.interpretation.phenotypes import Plan
from echoprime.interpretation.set_shares import set_shares
from echoprime.interpretation.spread import QUANTILES, mean_interval, share_interval, weighted_quantiles
from echoprime.interpretation.values_with import values_with_left_out
from echoprime.retrieval import Origins, ShardHits, StudyQueries
from echoprime.tables.evidence_types import NO_LABEL, NO_VIDEO_COUNTS, NOTHING_ENCODED, PHENOTYPE

_REASONS = ("", NOTHING_ENCODED, NO_VIDEO_COUNTS, NO_LABEL)
LEAST_COMPARED = 500
"""Own similarities below which there is no percentile: a hundredth of them would be fewer than five."""

_OF_LABELS = ("p10", "p25", "p50", "p75", "p90")


def phenotypes_column(
    queries: StudyQueries,
    hits: ShardHits,
    position: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    phenotypes: Sequence[Phenotype],
    plan: Plan,
    sections: Sequence[str],
    views: Sequence[str],
    origins: Origins,
    own_similarities: NDArray[np.float64] | None = None,
    influence: Influence | None = None,
    clips: ClipValues | None = None,
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """The `phenotypes` column of the interpretations table.

    Parameters
    ----------
    queries, hits
        The studies' queries and their answers, in the same order.
    position
        int64 (studies, sections): query of each study's section; -1 = not assessable.
    values
        float64 (studies, phenotypes); NaN = none.
    phenotypes, plan
        What is estimated, and over which sections' neighbours.
    sections, views
        Names of the section weights' rows and columns.
    origins
        Which candidate set each row is of.
    own_similarities
        float64 (n,), ascending: see `echoprime.retrieval.own_similarities`; None = not computed. Of fewer
        than `LEAST_COMPARED` no percentile is said.
    influence
        Values without each video and view; None = not asked for.
    clips
        Values by single clips of the videos; None = no video has several.

    Returns
    -------
    pyarrow.ListArray
        (studies,) of `echoprime.tables.schema.PHENOTYPE`.
    """
    studies, count = values.shape
    cells = {name: np.full(values.shape, np.nan) for name in (*_OF_LABELS, "low", "high", "nearest")}
    counts = {name: np.zeros(values.shape, np.int32) for name in ("neighbours", "labelled", "positive")}
    for number, (row, slot) in enumerate(zip(plan.section.tolist(), plan.slot.tolist(), strict=True)):
        of = np.flatnonzero(position[:, row] >= 0)
        lines = position[of, row]
        labels = np.ascontiguousarray(hits.labels[lines, :, slot])
        here = (of, number)
        counts["neighbours"][here] = (hits.rows[lines] >= 0).sum(axis=1)
        counts["labelled"][here] = (~np.isnan(labels)).sum(axis=1)
        if phenotypes[number].kind == "binary":
            counts["positive"][here] = (labels > 0).sum(axis=1)
            interval = share_interval(values[here], counts["labelled"][here])
        else:
            interval = mean_interval(labels)
            quantiles = weighted_quantiles(labels, hits.scores[lines], QUANTILES)
            for column, name in enumerate(_OF_LABELS):
                cells[name][here] = quantiles[:, column]
        cells["low"][here], cells["high"][here] = interval
        cells["nearest"][here] = np.where(hits.rows[lines, 0] >= 0, hits.scores[lines, 0], np.nan)
    thresholds = np.array([np.nan if each.threshold is None else each.threshold for each in phenotypes])
    there = position[:, plan.section] >= 0
    binary = np.array([each.kind == "binary" for each in phenotypes])
    fields = {
        "phenotype": _repeated([each.name for each in phenotypes], studies),
        "section": _repeated([sections[row] for row in plan.section.tolist()], studies),
        "value": known(values.ravel()),
        "assessable": pa.array(~np.isnan(values).ravel()),
        "reason": pa.array(_REASONS).take(pa.array(_reasons(queries, plan, values).ravel())),
        **{
            name: known(each.ravel())
            for name, each in {**cells, **calibrated_cells(phenotypes, values)}.items()
        },
        **{name: pa.array(counts[name].ravel()) for name in ("neighbours", "labelled")},
        "positive": pa.array(counts["positive"].ravel(), mask=np.tile(~binary, studies)),
        "nearest_percentile": known(_percentile(own_similarities, cells["nearest"]).ravel()),
        "threshold_from": _repeated(
            [None if each.threshold is None else each.threshold_from for each in phenotypes], studies
        ),
        **influence_fields(queries, plan, there, values, thresholds, views, influence),
        "clips": clips_field(clips, values, thresholds),
        "sets": set_shares(hits, position, plan, origins),
        "left_out": _left_out(hits, position, plan),
        "value_with_left_out": known(values_with_left_out(plan, queries, hits, values).ravel()),
    }
    return lists(np.full(studies, count), structs(fields, PHENOTYPE), PHENOTYPE)


def _left_out(hits: ShardHits, position: NDArray[np.int64], plan: Plan) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Per study and phenotype the left-out candidates that would be among the k nearest."""
    # the last place stands for -1: not assessable
    counts = np.append(hits.near_left_out.counts(len(hits)), 0).astype(np.int32)
    return pa.array(counts[position[:, plan.section]].ravel())


def _repeated(names: Sequence[str | None], times: int) -> Any:  # noqa: ANN401  # pyarrow has no types
    return pa.array(list(names), pa.string()).take(
        pa.array(np.tile(np.arange(len(names)), times), pa.int64())
    )


def _reasons(queries: StudyQueries, plan: Plan, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64 (studies, phenotypes): places in `_REASONS`, the first that is true."""
    nothing = np.broadcast_to((queries.videos == 0)[:, None], values.shape)
    no_weight = ~queries.assessable[:, plan.section]
    return np.select([~np.isnan(values), nothing, no_weight], [0, 1, 2], 3).astype(np.int64)


def _percentile(own: NDArray[np.float64] | None, nearest: NDArray[np.float64]) -> NDArray[np.float64]:
    """0..100: how many of the candidates are no nearer to their own nearest; NaN = not known.

    >>> own = np.repeat([0.5, 0.6, 0.7, 0.8], 125)
    >>> _percentile(own, np.array([0.4, 0.6, 0.9, np.nan])).tolist()
    [0.0, 50.0, 100.0, nan]
    >>> _percentile(own[1:], np.array([0.6])).tolist()
    [nan]
    """
    if own is None or len(own) < LEAST_COMPARED:
        return np.full(nearest.shape, np.nan)
    place = np.searchsorted(own, nearest, side="right")
    return np.where(np.isnan(nearest), np.nan, 100.0 * place / len(own))
