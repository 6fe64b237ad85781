"""How well studies find their own reports among all, and reports their studies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AMONG = (1, 5, 10)
"""The k of recall@k that are said; 10 is the published figure's."""

TIE = 1e-9
"""Similarities that differ by less count as equal: float64 sums in another order differ by 1e-15."""

VALUES_AT_ONCE = 1 << 24
"""Similarities held at once: 128 MB."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """The place of each pair's own partner among all, from 1.

    Attributes
    ----------
    of_reports
        int64 (pairs,): of a study's own report among all reports, by the study.
    of_studies
        int64 (pairs,): of a report's own study among all studies, by the report.
    """

    of_reports: NDArray[np.int64]
    of_studies: NDArray[np.int64]


def pair_ranks(studies: NDArray[np.float32], reports: NDArray[np.float32], same: NDArray[np.int64]) -> Ranks:
    """Rank every pair of study and report by the cosine of their embeddings.

    A rank is 1 and the number of others that are at least as near: a tie counts against, so that an encoder
    that tells nothing apart finds nothing. Reports of the very same words, which nothing could tell apart, do
    not count against each other, nor do their studies.

    Parameters
    ----------
    studies, reports
        float32 (pairs, 512), none zero; row i of both is one study's.
    same
        int64 (pairs,): equal where reports have the same words.

    Examples
    --------
    >>> own = np.eye(3, dtype=np.float32)
    >>> turned = own[[1, 0, 2]]
    >>> found = pair_ranks(own, turned, np.arange(3))
    >>> found.of_reports.tolist(), found.of_studies.tolist()
    ([3, 3, 1], [3, 3, 1])
    >>> pair_ranks(own, turned, np.array([0, 0, 1])).of_reports.tolist()  # the first two of the same words
    [2, 2, 1]
    """
    left, right = _unit(studies), _unit(reports)
    own = (left * right).sum(axis=1)
    count = len(own)
    of_reports, of_studies = np.ones(count, np.int64), np.ones(count, np.int64)
    rows = max(1, VALUES_AT_ONCE // max(1, count))
    for first in range(0, count, rows):
        here = slice(first, first + rows)
        similarity = left[here] @ right.T
        other = same[here, None] != same[None, :]
        of_reports[here] += ((similarity >= own[here, None] - TIE) & other).sum(axis=1)
        of_studies += ((similarity >= own[None, :] - TIE) & other).sum(axis=0)
    return Ranks(of_reports, of_studies)


def recall_at(ranks: NDArray[np.int64], k: int) -> float:
    """Share of ranks that are among the first k.

    Examples
    --------
    >>> recall_at(np.array([1, 3, 11]), 10)
    0.6666666666666666
    """
    return float((ranks <= k).mean())


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.sqrt((wide * wide).sum(axis=1))[:, None]
    return unit
