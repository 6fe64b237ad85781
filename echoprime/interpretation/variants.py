"""Values of studies as they might have been: with other videos, or with other parts of them.

A variant is interpreted as any study is: its section queries are summed anew in the same order, and searched
with. So the values are those, to the bit, of a study that was so. Nothing is decoded or encoded again; what
it costs is the search, of one query for each variant and section that is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echoprime.interpretation.phenotypes import Plan, values
from echoprime.retrieval import ShardHits, study_queries

VARIANTS_AT_ONCE = 256
"""Variants that are searched together: some 3,000 queries, as many as of a chunk."""


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
class Variant:
    """A study as it might have been.

    Attributes
    ----------
    study
        Of which study, by position.
    embeddings
        float32 (videos, 512).
    views
        int (videos,): columns of the weights, or `echoprime.retrieval.NO_VIEW`.
    asked
        bool (sections,): in which sections another value may come out; the others are not searched.
    """

    study: int
    embeddings: NDArray[np.float32]
    views: NDArray[np.integer]
    asked: NDArray[np.bool_]


class VariantValues:
    """Asks for the neighbours of variants and averages their labels.

    Parameters
    ----------
    weights
        float32 (sections, views).
    plan
        Which phenotypes use which section's neighbours.
    k
        Neighbours that a phenotype is averaged over.

    Attributes
    ----------
    plan
        The same.
    sections
        int64, ascending: the sections that any phenotype uses.
    counting
        bool (sections, views): which views have a weight there.
    """

    def __init__(self, weights: NDArray[np.float32], plan: Plan, k: int) -> None:
        self.plan = plan
        self.sections: NDArray[np.int64] = np.unique(plan.section)
        self.counting: NDArray[np.bool_] = weights != 0
        self._k = k
        self._weights = weights[self.sections]

    @property
    def phenotypes(self) -> int:
        """Values of each variant."""
        return len(self.plan.section)

    def __call__(
        self,
        variants: Iterable[Variant],
        search: Search,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
    ) -> Iterator[NDArray[np.float64]]:
        """Values of each variant, in their order; shards and batches do not matter.

        Parameters
        ----------
        variants
            Taken as they are needed.
        search
            Asks for neighbours.
        exclude_study, exclude_patient
            For each study, what is left out of its neighbours; "" = nothing.

        Yields
        ------
        numpy.ndarray
            float64 (phenotypes,): NaN where it was not asked, no video counts, or no neighbour has the label.
        """
        waiting = iter(variants)
        while batch := list(islice(waiting, VARIANTS_AT_ONCE)):
            yield from self._values(batch, search, exclude_study, exclude_patient)

    def _values(
        self,
        variants: Sequence[Variant],
        search: Search,
        exclude_study: Sequence[str] | None,
        exclude_patient: Sequence[str] | None,
    ) -> NDArray[np.float64]:
        queries = study_queries(
            [each.embeddings for each in variants], [each.views for each in variants], self._weights
        )
        section = self.sections[queries.section]
        asked = np.array([each.asked for each in variants])[queries.study, section]
        if not asked.any():
            return np.full((len(variants), self.phenotypes), np.nan)
        variant, section = queries.study[asked], section[asked]
        position = np.full((len(variants), len(self.counting)), -1, np.int64)
        position[variant, section] = np.arange(len(variant))
        of = [variants[each].study for each in variant.tolist()]
        hits = search(
            queries=queries.vectors[asked],
            section_bits=np.full(len(variant), -1, np.int64),  # no report is written
            k=self._k,
            exclude_study=of_studies(exclude_study, of),
            exclude_patient=of_studies(exclude_patient, of),
            columns=self.plan.columns[section],
        )
        return values(self.plan, hits.labels, position)


def of_studies(excluded: Sequence[str] | None, studies: Sequence[int]) -> list[str] | None:
    """What each query's study leaves out; None = no study leaves out anything."""
    return None if excluded is None else [excluded[study] for study in studies]
