"""How many of each value's neighbours came from each candidate set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.interpretation.nested import lists, structs
from echoprime.interpretation.phenotypes import Plan
from echoprime.retrieval import Origins, ShardHits
from echoprime.tables.evidence_types import SET_SHARE


def set_shares(hits: ShardHits, position: NDArray[np.int64], plan: Plan, origins: Origins) -> Any:  # noqa: ANN401  # pyarrow has no types
    """The field `sets` of `echoprime.tables.schema.PHENOTYPE`.

    Parameters
    ----------
    hits
        The merged answers.
    position
        int64 (studies, sections): query of each study's section; -1 = not assessable.
    plan
        Which phenotypes are averaged over which section's neighbours.
    origins
        Which set each row is of.

    Returns
    -------
    pyarrow.ListArray
        (studies * phenotypes,) of `SET_SHARE`, a set each; empty where not assessable.
    """
    of = np.where(hits.rows >= 0, origins.of(hits.rows), -1)
    line = position[:, plan.section]  # (studies, phenotypes)
    there = line >= 0
    query, slot = line[there], np.broadcast_to(plan.slot, line.shape)[there]
    sets = len(origins.names)
    neighbours, labelled = (np.zeros((len(query), sets), np.int32) for _ in range(2))
    known = ~np.isnan(hits.labels)
    for number in range(sets):
        mine = of == number
        neighbours[:, number] = mine.sum(axis=1)[query]
        labelled[:, number] = (known & mine[:, :, None]).sum(axis=1)[query, slot]
    fields = {
        "set": pa.array(origins.names).take(pa.array(np.tile(np.arange(sets), len(query)))),
        "neighbours": pa.array(neighbours.ravel()),
        "labelled": pa.array(labelled.ravel()),
    }
    return lists(np.where(there, sets, 0).ravel(), structs(fields, SET_SHARE), SET_SHARE)
