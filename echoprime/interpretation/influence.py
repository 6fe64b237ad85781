"""What each value would be without one of the study's videos, and without all videos of one view.

A study without a video is interpreted as any study is: its section queries are summed anew in the same
order, and searched with. So the values are those, to the bit, of a study that never had the video. Queries
are sums over the videos, so nothing is decoded or encoded again; what it costs is the search, of one query
for each video, view and section in which they count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echoprime.interpretation.phenotypes import Plan, values
from echoprime.retrieval import NO_VIEW, ShardHits, study_queries

VARIANTS_AT_ONCE = 256
"""Studies less a video or a view that are searched together: some 3,000 queries, as many as of a chunk."""


class Search(Protocol):
    """`echoprime.retrieval.Shard.search`, or what asks several shards and merges their answers."""

    def __call__(
        self,
        queries: NDArray[np.float32],
        section_bits: NDArray[np.integer],
        k: int,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
        *,
        columns: NDArray[np.integer] | None = None,
    ) -> ShardHits:
        """Neighbours of the queries."""


@dataclass(frozen=True, eq=False)
class Influence:
    """Values of studies less one video or view; NaN where none is left, or where that one does not count.

    Attributes
    ----------
    without_video
        float64 (all videos of all studies, phenotypes), study after study.
    without_view
        float64 (studies, phenotypes, views).
    """

    without_video: NDArray[np.float64]
    without_view: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Variant:
    """A study less some of its videos: all of them that have the view, or one."""

    study: int
    view: int
    kept: NDArray[np.bool_]
    video: int | None
    whole_view: bool


@dataclass(frozen=True, eq=False)
class _Studies:
    """What is asked about, and whom."""

    embeddings: Sequence[NDArray[np.float32]]
    views: Sequence[NDArray[np.integer]]
    search: Search
    exclude_study: Sequence[str] | None
    exclude_patient: Sequence[str] | None


class LeaveOneOut:
    """Values of studies without each of their videos and each of their views.

    Parameters
    ----------
    weights
        float32 (sections, views).
    plan
        Which phenotypes use which section's neighbours.
    k
        Neighbours that a phenotype is averaged over.
    """

    def __init__(self, weights: NDArray[np.float32], plan: Plan, k: int) -> None:
        self.plan = plan
        self.k = k
        self.sections = np.unique(plan.section)
        self.shape = weights.shape
        self.weights = weights[self.sections]
        self.counting = weights != 0

    def __call__(
        self,
        embeddings: Sequence[NDArray[np.float32]],
        views: Sequence[NDArray[np.integer]],
        search: Search,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
    ) -> Influence:
        """Ask and average; shards and batches do not matter.

        Parameters
        ----------
        embeddings
            For each study float32 (videos, 512).
        views
            For each study int (videos,): columns of the weights, or `echoprime.retrieval.NO_VIEW`.
        search
            Asks for neighbours.
        exclude_study, exclude_patient
            For each study, what is left out of its neighbours; "" = nothing.
        """
        studies = _Studies(embeddings, views, search, exclude_study, exclude_patient)
        counts = np.array([len(each) for each in views], np.int64)
        first = np.cumsum(counts) - counts
        found = Influence(
            np.full((counts.sum(), len(self.plan.section)), np.nan),
            np.full((len(views), len(self.plan.section), self.shape[1]), np.nan),
        )
        variants = (
            each for number, of in enumerate(views) for each in self._variants(number, np.asarray(of))
        )
        while batch := list(islice(variants, VARIANTS_AT_ONCE)):
            for variant, each in zip(batch, self._values(studies, batch), strict=True):
                if variant.video is not None:
                    found.without_video[first[variant.study] + variant.video] = each
                if variant.whole_view:
                    found.without_view[variant.study, :, variant.view] = each
        return found

    def _variants(self, study: int, views: NDArray[np.integer]) -> Iterator[_Variant]:
        """The study less each video that counts, and each view; the one video of a view comes once."""
        for view in np.unique(views).tolist():
            if view == NO_VIEW or not self.counting[self.sections, view].any():
                continue
            has = views == view
            of_it = np.flatnonzero(has).tolist()
            for video in of_it:
                kept = np.ones(len(views), np.bool_)
                kept[video] = False
                yield _Variant(study, view, kept, video, whole_view=len(of_it) == 1)
            if len(of_it) > 1:
                yield _Variant(study, view, ~has, None, whole_view=True)

    def _values(self, studies: _Studies, variants: Sequence[_Variant]) -> NDArray[np.float64]:
        """float64 (variants, phenotypes): NaN where what was left out does not count."""
        queries = study_queries(
            [studies.embeddings[each.study][each.kept] for each in variants],
            [np.asarray(studies.views[each.study])[each.kept] for each in variants],
            self.weights,
        )
        view = np.array([each.view for each in variants], np.int64)
        section = self.sections[queries.section]
        asked = self.counting[section, view[queries.study]]
        if not asked.any():
            return np.full((len(variants), len(self.plan.section)), np.nan)
        variant, section = queries.study[asked], section[asked]
        position = np.full((len(variants), self.shape[0]), -1, np.int64)
        position[variant, section] = np.arange(len(variant))
        of = [variants[each].study for each in variant.tolist()]
        hits = studies.search(
            queries=queries.vectors[asked],
            section_bits=np.full(len(variant), -1, np.int64),  # no report is written
            k=self.k,
            exclude_study=None
            if studies.exclude_study is None
            else [studies.exclude_study[each] for each in of],
            exclude_patient=None
            if studies.exclude_patient is None
            else [studies.exclude_patient[each] for each in of],
            columns=self.plan.columns[section],
        )
        return values(self.plan, hits.labels, position)
