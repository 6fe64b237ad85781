"""Put the answers of several shards together: associative, commutative, exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.errors import EchoPrimeError
from echoprime.retrieval.hits import SECTION_BITS, ShardHits
from echoprime.retrieval.left_out import merged


def merge(hits: Sequence[ShardHits], k: int | None = None) -> ShardHits:
    """The k best of all, by (-score, row); what one shard of all rows would have answered, to the bit.

    Parameters
    ----------
    hits
        Answers to the same queries, from shards that share no row; at least one.
    k
        Neighbours wanted, no more than the answers have together; None = as many as each of them has.

    Raises
    ------
    EchoPrimeError
        When there is none, they answer different questions, or too few neighbours.
    """
    if not hits:
        raise EchoPrimeError("merge: no shard has answered")
    first = hits[0]
    if k is None:
        k = first.k
        if any(each.k != k for each in hits):
            raise EchoPrimeError("merge: the shards answered different numbers of neighbours")
    if sum(each.k for each in hits) < k:
        raise EchoPrimeError(f"merge: the shards answered fewer than {k} neighbours")
    for other in hits[1:]:
        if other.labels.shape[::2] != first.labels.shape[::2] or not np.array_equal(
            other.section_bits, first.section_bits
        ):
            raise EchoPrimeError("merge: the shards answered different queries")
    if len(hits) == 1 and first.k == k:
        return first
    rows = np.concatenate([each.rows for each in hits], axis=1)
    scores = np.concatenate([each.scores for each in hits], axis=1)
    order = _order(rows, scores)[:, :k]
    rows, scores = (np.take_along_axis(each, order, axis=1) for each in (rows, scores))
    labels = np.concatenate([each.labels for each in hits], axis=1)
    report_rows = np.stack([each.report_rows for each in hits], axis=1)
    report_scores = np.stack([each.report_scores for each in hits], axis=1)
    best = _order(report_rows, report_scores)[:, :1]
    return named(
        hits,
        rows=rows,
        scores=scores,
        labels=_lines(labels, order),
        section_bits=first.section_bits,
        report_rows=np.take_along_axis(report_rows, best, axis=1)[:, 0],
        report_scores=np.take_along_axis(report_scores, best, axis=1)[:, 0],
        left_out=np.sum([each.left_out for each in hits], axis=0),
        near_left_out=merged([each.near_left_out for each in hits], rows, scores),
    )


def named(hits: Sequence[ShardHits], **found: Any) -> ShardHits:  # noqa: ANN401
    """What was found, with the names and texts that it needs of those that the shards answered.

    Parameters
    ----------
    hits
        Answers that have all of them.
    found
        The other fields of `ShardHits`.
    """
    rows, names = _chosen([(each.named_rows, each.names) for each in hits], _distinct(found["rows"]))
    answered = np.sort(np.concatenate([each.text_keys for each in hits]))
    asked = _still_asked(answered, found["rows"], found["report_rows"], found["section_bits"])
    keys, texts = _chosen([(each.text_keys, each.texts) for each in hits], asked)
    return ShardHits(named_rows=rows, names=names, text_keys=keys, texts=texts, **found)


def _order(rows: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Columns of each line by (-score, row); places without a row come last."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ordered, beside = np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
    wrong = (ordered[:, 1:] == ordered[:, :-1]) & (beside[:, 1:] < beside[:, :-1]) & (beside[:, 1:] >= 0)
    tied = np.flatnonzero(wrong.any(axis=1))
    # Ties that the shards' order left unsettled are rare, and settled line by line.
    for line in tied.tolist():
        last = np.where(rows[line] < 0, np.iinfo(np.int64).max, rows[line])
        order[line] = np.lexsort((last, -scores[line]))
    return order


def _lines(labels: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each query's labels in a new order: float64 (queries, k, n)."""
    count, width, slots = labels.shape
    flat = order + np.arange(count)[:, None] * width
    chosen: NDArray[np.float64] = labels.reshape(count * width, slots).take(flat, axis=0)
    return chosen


def _distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows that occur, ascending."""
    seen = np.zeros(int(rows.max(initial=-1)) + 2, np.bool_)  # the last place stands for -1
    seen[rows.ravel()] = True
    return np.flatnonzero(seen[:-1])


def _still_asked(
    keys: NDArray[np.int64],
    rows: NDArray[np.int64],
    report_rows: NDArray[np.int64],
    bits: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Of the texts that the shards answered, those of rows that are still neighbours, or the report."""
    pairs = [
        (each * SECTION_BITS + bits[:, None])[(each >= 0) & (bits >= 0)[:, None]]
        for each in (rows, report_rows[:, None])
    ]
    # the answers to two rounds may hold the same text
    return np.intersect1d(keys, np.concatenate(pairs))


def _chosen(
    pairs: Sequence[tuple[NDArray[np.int64], Any]], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Any]:
    """Values of the `wanted` keys out of several ascending lists of (key, value)."""
    keys = np.concatenate([each[0] for each in pairs])
    order = np.argsort(keys, kind="stable")
    place = order[np.searchsorted(keys[order], wanted)] if len(wanted) else np.zeros(0, np.int64)
    return wanted, pa.concat_arrays([each[1] for each in pairs]).take(pa.array(place, pa.int64()))
