"""The phrases of a search's answer as flat arrays, and which neighbour says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval import ShardHits
from echoprime.retrieval.hits import SECTION_BITS
from echoprime.retrieval.ranges import ranges


@dataclass(frozen=True, eq=False)
class NeighbourPhrases:
    """What neighbours and report candidates say of their queries' sections.

    Attributes
    ----------
    section
        int64 (texts,): section of each of `ShardHits.texts`.
    starts, counts
        int64 (texts,): where a text's phrases begin, and how many there are.
    phrase
        int64 (phrases,): numbers in the section.
    value
        pyarrow string (phrases,).
    of_neighbour
        int64 (queries, k): the text of each neighbour; -1 = its report does not have the section.
    of_report
        int64 (queries,): the text of the report's candidate; -1 = there is none.
    """

    section: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    phrase: NDArray[np.int64]
    value: Any
    of_neighbour: NDArray[np.int64]
    of_report: NDArray[np.int64]

    @classmethod
    def of(cls, hits: ShardHits) -> NeighbourPhrases:
        """Flatten the phrases of an answer."""
        flat = hits.texts.flatten()
        counts = hits.texts.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
        keys = hits.report_keys
        place = np.searchsorted(hits.text_keys, keys)
        return cls(
            section=hits.text_keys % SECTION_BITS,
            starts=np.cumsum(counts) - counts,
            counts=counts,
            phrase=flat.field("phrase").to_numpy(zero_copy_only=False).astype(np.int64),
            value=flat.field("value"),
            of_neighbour=hits.text_places(),
            of_report=np.where(keys >= 0, place, -1),
        )

    def expanded(self, texts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every phrase of some texts: which of the texts it is of, and its place in `phrase`.

        Parameters
        ----------
        texts
            int64, each at least 0; they may come again.
        """
        counts = self.counts[texts]
        return np.repeat(np.arange(len(texts)), counts), ranges(self.starts[texts], counts)

    def first_of_its_text(self, code: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool (phrases,): whether no phrase before it in its text has the same code.

        Parameters
        ----------
        code
            int64 (phrases,): what makes two phrases the same.
        """
        within = np.arange(len(code)) - np.repeat(self.starts, self.counts)
        first = np.ones(len(code), np.bool_)
        back, here = 1, np.flatnonzero(within >= 1)
        while len(here):
            first[here[code[here] == code[here - back]]] = False
            back += 1
            here = here[within[here] >= back]
        return first
