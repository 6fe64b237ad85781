"""What each value would be had every video but one of its several clips: how much the chosen part decides.

A value rests on the mean of each video's clips. Here the first clips are taken alone, then the second ones,
and so on; a video that has no such clip counts by its mean. A study so looked at is one of its variants, see
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.interpretation.variants import Search, Variant, VariantValues
from echoprime.retrieval import NO_VIEW, embeddings_of_turn


@dataclass(frozen=True, eq=False)
class StudyClips:
    """Clips of one study's videos.

    Attributes
    ----------
    embeddings
        float32 (clips of all videos, 512), video after video.
    counts
        int64 (videos,): of each video, at least 1.
    """

    embeddings: NDArray[np.float32]
    counts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClipValues:
    """Values by single clips of the videos.

    Attributes
    ----------
    values
        float64 (studies, turns, phenotypes); NaN where no neighbour has the label, or there is no such turn.
    turns
        int64 (studies, phenotypes): clips of that video, of those that count, that has most; 0 where none
        has several.
    """

    values: NDArray[np.float64]
    turns: NDArray[np.int64]


class ClipByClip:
    """Values of studies by single clips of their videos.

    Parameters
    ----------
    values
        Asks for what variants of studies would have.
    """

    def __init__(self, values: VariantValues) -> None:
        self._values = values

    def __call__(
        self,
        embeddings: Sequence[NDArray[np.float32]],
        clips: Sequence[StudyClips],
        views: Sequence[NDArray[np.integer]],
        search: Search,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
    ) -> ClipValues:
        """Ask and average; shards and batches do not matter.

        Parameters
        ----------
        embeddings
            For each study float32 (videos, 512): the means.
        clips
            Of each study.
        views
            For each study int (videos,): columns of the weights, or `echoprime.retrieval.NO_VIEW`.
        search
            Asks for neighbours.
        exclude_study, exclude_patient
            For each study, what is left out of its neighbours; "" = nothing.
        """
        turns = np.zeros((len(views), len(self._values.counting)), np.int64)
        for number, (of, shown) in enumerate(zip(clips, views, strict=True)):
            turns[number] = self._turns(of.counts, np.asarray(shown))
        turns[:, np.setdiff1d(np.arange(turns.shape[1]), self._values.sections)] = 0
        asked = [(number, turn) for number, most in enumerate(turns.max(axis=1)) for turn in range(most)]

        def variants() -> Iterator[Variant]:
            for number, turn in asked:
                of = clips[number]
                alone = embeddings_of_turn(of.embeddings, of.counts, turn, embeddings[number])
                yield Variant(number, alone, np.asarray(views[number]), turns[number] > turn)

        found = np.full((len(views), turns.max(initial=0), self._values.phenotypes), np.nan)
        by_clip = self._values(variants(), search, exclude_study, exclude_patient)
        for (number, turn), each in zip(asked, by_clip, strict=True):
            found[number, turn] = each
        return ClipValues(found, turns[:, self._values.plan.section])

    def _turns(self, counts: NDArray[np.int64], views: NDArray[np.integer]) -> NDArray[np.int64]:
        """int64 (sections,): most clips of a video that counts there; 0 where none has several."""
        counts_in = self._values.counting[:, views] & (views != NO_VIEW)
        most = np.where(counts_in, counts, 0).max(axis=1, initial=0)
        found: NDArray[np.int64] = np.where(most > 1, most, 0)
        return found
