"""What each text and its numbers rest on: the nested `sections` column, built from flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.interpretation.nested import known, lists, structs
from echoprime.retrieval import Origins, ShardHits, StudyQueries
from echoprime.retrieval.ranges import ranges
from echoprime.tables.evidence_types import NEIGHBOUR, SECTION


def sections_column(
    queries: StudyQueries,
    hits: ShardHits,
    names: Sequence[str],
    members: Sequence[Sequence[str]],
    texts: Any,  # noqa: ANN401  # pyarrow has no types
    sentences: Any,  # noqa: ANN401
    describing: NDArray[np.int64],
    origins: Origins,
) -> Any:  # noqa: ANN401
    """The `sections` column of the interpretations table.

    Parameters
    ----------
    queries, hits
        The studies' queries and their answers, in the same order.
    names
        Sections, in the order of the section weights.
    members
        For each of them the names of the phenotypes averaged over its neighbours.
    texts
        pyarrow strings (studies * sections,).
    sentences
        pyarrow lists (studies * sections,) of `echoprime.tables.schema.SENTENCE`.
    describing
        int64 (queries,): see there.
    origins
        Which candidate set each row is of.

    Returns
    -------
    pyarrow.ListArray
        (studies,) of `echoprime.tables.schema.SECTION`.
    """
    studies, width = queries.studies, len(names)
    cell = queries.study * width + queries.section  # ascending: queries are ordered by (study, section)
    none = hits.report_rows < 0
    fields = {
        "section": pa.array(list(names), pa.string()).take(pa.array(np.tile(np.arange(width), studies))),
        "assessable": pa.array(queries.assessable.ravel()),
        "report": texts,
        "report_set": pa.array(origins.names).take(
            _at_cells(origins.of(hits.report_rows), cell, studies * width, none)
        ),
        "report_row": _at_cells(origins.within(hits.report_rows), cell, studies * width, none),
        "report_similarity": _at_cells(hits.report_scores, cell, studies * width, none),
        "sentences": sentences,
        "describing": _at_cells(
            describing.astype(np.int32), cell, studies * width, np.zeros(len(cell), np.bool_)
        ),
        "shares": _shares(queries, cell, width),
        "phenotypes": _phenotypes(members, studies),
        "neighbours": _neighbours(queries, hits, members, cell, width, origins),
        "left_out": _at_cells(
            hits.near_left_out.counts(len(hits)).astype(np.int32),
            cell,
            studies * width,
            np.zeros(len(cell), np.bool_),
        ),
    }
    return lists(np.full(studies, width), structs(fields, SECTION), SECTION)


def _at_cells(values: NDArray[Any], cell: NDArray[np.int64], cells: int, unknown: NDArray[np.bool_]) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Values of queries at their cells; null elsewhere and where unknown."""
    spread = np.zeros(cells, values.dtype)
    missing = np.ones(cells, np.bool_)
    spread[cell], missing[cell] = values, unknown
    return pa.array(spread, mask=missing)


def _cell_counts(counts: NDArray[np.int64], cell: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
    spread = np.zeros(cells, np.int64)
    spread[cell] = counts
    return spread


def _shares(queries: StudyQueries, cell: NDArray[np.int64], width: int) -> Any:  # noqa: ANN401
    """Per assessable section the videos' shares; empty where not assessable."""
    counts = queries.videos[queries.study]
    first = (np.cumsum(queries.videos) - queries.videos)[queries.study]
    flat = queries.shares[ranges(first, counts), np.repeat(queries.section, counts)]
    return lists(_cell_counts(counts, cell, queries.studies * width), pa.array(flat), pa.float64())


def _phenotypes(members: Sequence[Sequence[str]], studies: int) -> Any:  # noqa: ANN401
    flat = [name for names in members for name in names]
    values = pa.array(flat, pa.string()).take(pa.array(np.tile(np.arange(len(flat)), studies), pa.int64()))
    counts = np.tile(np.array([len(names) for names in members], np.int64), studies)
    return lists(counts, values, pa.string())


def _neighbours(
    queries: StudyQueries,
    hits: ShardHits,
    members: Sequence[Sequence[str]],
    cell: NDArray[np.int64],
    width: int,
    origins: Origins,
) -> Any:  # noqa: ANN401  # pyarrow has no types
    there = hits.rows >= 0
    rows = hits.rows[there]
    count = np.array([len(names) for names in members], np.int64)[queries.section]
    slots = np.arange(hits.labels.shape[2])
    labels = hits.labels[there[:, :, None] & (slots < count[:, None])[:, None, :]]
    each = np.repeat(count, there.sum(axis=1))
    fields = {
        "set": pa.array(origins.names).take(pa.array(origins.of(rows))),
        "row": pa.array(origins.within(rows)),
        "candidate": hits.names.take(pa.array(hits.name_places(rows))),
        "similarity": pa.array(hits.scores[there]),
        "labels": lists(each, known(labels), pa.float64()),
    }
    counts = _cell_counts(there.sum(axis=1), cell, queries.studies * width)
    return lists(counts, structs(fields, NEIGHBOUR), NEIGHBOUR)
