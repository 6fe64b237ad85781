"""How near candidates lie to each other: what a study's nearest neighbour is measured against.

Each of a fixed sample of candidates is searched with as a study is, its own study and patient left out, and
the similarity of the nearest is kept. A study whose nearest neighbour is less similar than nearly all of
these lies where the set has no candidates: its values rest on studies unlike it. (A section's query is made
of some videos of a study, a candidate of all, so the two are not quite alike.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.hits import ShardHits

SAMPLE = 2_000
"""A percentile is within 2.2 of the whole set's, 19 times of 20 (binomial, at the median)."""

SEED = 0

AT_ONCE = 500
"""Queries of one search."""


@dataclass(frozen=True, eq=False)
class DrawnCandidates:
    """Some rows of a candidate set, ascending.

    Attributes
    ----------
    embeddings
        float32 (n, 512), as the set has them.
    studies, patients
        Of each row; "" = unknown patient.
    """

    embeddings: NDArray[np.float32]
    studies: tuple[str, ...]
    patients: tuple[str, ...]


def drawn_rows(rows: int, sample: int = SAMPLE) -> NDArray[np.int64]:
    """int64, ascending: the same rows for a set of so many, each time.

    Examples
    --------
    >>> drawn_rows(3).tolist(), len(drawn_rows(1_230_676))
    ([0, 1, 2], 2000)
    """
    chosen = np.random.default_rng(SEED).choice(rows, min(rows, sample), replace=False, shuffle=False)
    found: NDArray[np.int64] = np.sort(chosen).astype(np.int64)
    return found


def own_similarities(
    drawn: Sequence[DrawnCandidates], search: Callable[..., ShardHits]
) -> NDArray[np.float64]:
    """float64 (n,), ascending: each drawn candidate's similarity to its nearest other one.

    Candidates of zeros, and those with no other candidate left, are not among them.

    Parameters
    ----------
    drawn
        From every shard (`Shard.drawn`), in the order of their rows.
    search
        `Shard.search`, or what asks several shards and merges their answers.
    """
    embeddings = np.concatenate([each.embeddings for each in drawn]).astype(np.float64)
    studies = [name for each in drawn for name in each.studies]
    patients = [name for each in drawn for name in each.patients]
    norms = np.sqrt(np.square(embeddings).sum(axis=1))
    there = np.flatnonzero(np.isfinite(norms) & (norms > 0))
    units = (embeddings[there] / norms[there, None]).astype(np.float32)
    found = [np.zeros(0)]
    for first in range(0, len(there), AT_ONCE):
        here = there[first : first + AT_ONCE].tolist()
        hits = search(
            queries=units[first : first + AT_ONCE],
            section_bits=np.full(len(here), -1, np.int64),
            k=1,
            exclude_study=[studies[each] for each in here],
            exclude_patient=[patients[each] for each in here],
            columns=np.zeros((len(here), 0), np.int64),
        )
        found.append(hits.scores[hits.rows >= 0])
    return np.sort(np.concatenate(found))
