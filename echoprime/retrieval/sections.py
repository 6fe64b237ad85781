"""Embeddings and views of a study to one query per report section (README, "The method", 3).

All sums run in float64 in a fixed order and never through BLAS, so that a study's queries are the same
bits whatever it is batched with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import EchoPrimeError

NO_VIEW = -1
"""A view that no section uses: a video of it has weight 0 everywhere."""

STUDIES_AT_ONCE = 64
"""Studies whose sums are held at once: 64 x 15 sections x 512 x 8 bytes are 4 MB."""

SUMMED_AT_ONCE = 4
"""Studies of those that are summed at once: 250 KB stay in a core's second-level cache."""


@dataclass(frozen=True, eq=False)
class SectionQueries:
    """Queries of one study.

    Attributes
    ----------
    queries
        float32 (sections, 512): unit vectors; zero where not assessable.
    assessable
        bool (sections,): whether any video has weight in the section. A zero vector is never searched
        with: its neighbours would be arbitrary.
    shares
        float64 (sections, videos): each video's part of the section's weights; rows sum to 1, or are 0
        where not assessable.
    """

    queries: NDArray[np.float32]
    assessable: NDArray[np.bool_]
    shares: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StudyQueries:
    """The assessable sections of many studies, as rows to search with, ordered by (study, section).

    Attributes
    ----------
    vectors
        float32 (queries, 512), unit.
    study
        int64 (queries,): position of the study.
    section
        int64 (queries,): row of the section weights.
    assessable
        bool (studies, sections).
    videos
        int64 (studies,): encoded videos of each study.
    views
        int64 (all videos of all studies,), study after study: columns of the weights, or `NO_VIEW`.
    shares
        float64 (all videos of all studies, sections), study after study.
    """

    vectors: NDArray[np.float32]
    study: NDArray[np.int64]
    section: NDArray[np.int64]
    assessable: NDArray[np.bool_]
    videos: NDArray[np.int64]
    views: NDArray[np.int64]
    shares: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.study)

    @property
    def studies(self) -> int:
        """How many studies there are."""
        return len(self.videos)


def section_queries(
    embeddings: NDArray[np.float32], views: NDArray[np.integer], weights: NDArray[np.float32]
) -> SectionQueries:
    """Unit vector, per section, of the sum over videos of weight[section, view(video)] * embedding(video).

    Parameters
    ----------
    embeddings
        float32 (videos, 512), in the order of the videos' paths; not normalised.
    views
        int (videos,): positions in `echoprime.bundle.VIEWS`.
    weights
        float32 (sections, 11).

    Examples
    --------
    >>> weights = np.zeros((2, 11), np.float32)
    >>> weights[0, 3] = 0.5
    >>> one = section_queries(np.full((1, 512), 2, np.float32), np.array([3]), weights)
    >>> one.assessable.tolist(), float(one.queries[0, 0]) == float(np.float32(512**-0.5))
    ([True, False], True)
    """
    many = study_queries([embeddings], [views], weights)
    queries = np.zeros((len(weights), np.shape(embeddings)[1]), np.float32)
    queries[many.section] = many.vectors
    return SectionQueries(queries, many.assessable[0], np.ascontiguousarray(many.shares.T))


def study_queries(
    embeddings: Sequence[NDArray[np.float32]],
    views: Sequence[NDArray[np.integer]],
    weights: NDArray[np.float32],
) -> StudyQueries:
    """The same for many studies at once, without their not assessable sections.

    Parameters
    ----------
    embeddings
        For each study float32 (videos, 512); a study of no videos is (0, 512).
    views
        For each study int (videos,): columns of the weights, or `NO_VIEW`.
    weights
        float32 (sections, 11).

    Raises
    ------
    EchoPrimeError
        When a view is none of these, or embeddings and views differ in number.

    Examples
    --------
    >>> many = study_queries([np.ones((3, 512), np.float32)], [np.array([0, 1, 2])], np.ones((15, 11)))
    >>> many.vectors.shape, float(many.shares[0, 0])
    ((15, 512), 0.3333333333333333)
    """
    videos = np.array([len(each) for each in views], np.int64)
    flat_views = np.concatenate([np.zeros(0, np.int64), *(np.asarray(each, np.int64) for each in views)])
    if [len(each) for each in embeddings] != videos.tolist():
        raise EchoPrimeError("section queries: every video needs one embedding and one view")
    if flat_views.size and not (flat_views.min() >= NO_VIEW and flat_views.max() < weights.shape[1]):
        raise EchoPrimeError(f"section queries: views must be 0..{weights.shape[1] - 1}, or {NO_VIEW}")
    table, given_views = weights.astype(np.float64), flat_views
    if (flat_views == NO_VIEW).any():
        table = np.pad(table, ((0, 0), (0, 1)))
        flat_views = np.where(flat_views == NO_VIEW, table.shape[1] - 1, flat_views)
    study_of_video = np.repeat(np.arange(len(videos)), videos)
    assessable = np.zeros((len(videos), len(table)), np.bool_)
    vectors: list[NDArray[np.float32]] = []
    for first in range(0, len(videos), STUDIES_AT_ONCE):
        last = min(first + STUDIES_AT_ONCE, len(videos))
        here = (study_of_video >= first) & (study_of_video < last)
        block = [each for each in embeddings[first:last] if len(each)]
        if block:
            sums = _weighted_sums(
                np.concatenate(block), study_of_video[here] - first, flat_views[here], last - first, table
            )
            unit, norms = _unit(sums)
            assessable[first:last] = norms > 0
            vectors.append(unit[norms > 0])
    study, section = np.nonzero(assessable)
    dimension = embeddings[0].shape[1] if len(embeddings) else 512
    return StudyQueries(
        vectors=np.concatenate([np.zeros((0, dimension), np.float32), *vectors]),
        study=study,
        section=section,
        assessable=assessable,
        videos=videos,
        views=given_views,
        shares=_shares(table, study_of_video, flat_views, len(videos)),
    )


def _weighted_sums(
    embeddings: NDArray[np.float32],
    study: NDArray[np.int64],
    views: NDArray[np.int64],
    studies: int,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """float64 (studies, sections, 512): first summed by view in the videos' order, then over the views."""
    count = weights.shape[1]
    cell = study * count + views
    by_view = np.zeros((studies * count, embeddings.shape[1]))
    rank = _rank_within(cell)
    for turn in range(int(rank.max()) + 1):
        chosen = rank == turn
        by_view[cell[chosen]] += embeddings[chosen]
    by_view = by_view.reshape(studies, count, -1)
    sums = np.zeros((studies, len(weights), embeddings.shape[1]))
    for first in range(0, studies, SUMMED_AT_ONCE):
        here = slice(first, first + SUMMED_AT_ONCE)
        weighted = np.empty_like(sums[here])
        # A view that a study does not have adds 0, which changes no bit.
        for view in range(count):
            np.multiply(weights[:, view][None, :, None], by_view[here, view][:, None, :], out=weighted)
            sums[here] += weighted
    return sums


def _rank_within(cell: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many earlier entries have the same value: 0 for the first."""
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(cell)])
    rank = np.empty(len(cell), np.int64)
    rank[order] = np.arange(len(cell)) - np.repeat(starts, lengths)
    return rank


def _unit(sums: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Vectors of length 1 in float32, and the lengths before; a length that is not finite counts as 0."""
    norms = np.sqrt((sums * sums).sum(axis=2))
    norms[~np.isfinite(norms)] = 0
    divisor = np.where(norms > 0, norms, 1)
    return (sums / divisor[:, :, None]).astype(np.float32), norms


def _shares(
    weights: NDArray[np.float64], study: NDArray[np.int64], views: NDArray[np.int64], studies: int
) -> NDArray[np.float64]:
    """float64 (videos, sections): each video's weight by the sum of its study's."""
    each = weights.T[views]
    total = np.zeros((studies, len(weights)))
    np.add.at(total, study, each)
    below = total[study]
    return np.divide(each, below, out=np.zeros_like(each), where=below > 0)
