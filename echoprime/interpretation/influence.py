"""What each value would be without one of the study's videos, and without all videos of one view.

Queries are sums over the videos, so a study without some of them is one of its variants, see there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.interpretation.variants import Search, Variant, VariantValues
from echoprime.retrieval import NO_VIEW


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
class _Less:
    """A study less some of its videos: all of them that have the view, or one."""

    study: int
    view: int
    kept: NDArray[np.bool_]
    video: int | None
    whole_view: bool


class LeaveOneOut:
    """Values of studies without each of their videos and each of their views.

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
        counts = np.array([len(each) for each in views], np.int64)
        first = np.cumsum(counts) - counts
        found = Influence(
            np.full((counts.sum(), self._values.phenotypes), np.nan),
            np.full((len(views), self._values.phenotypes, self._values.counting.shape[1]), np.nan),
        )
        asked: list[_Less] = []

        def variants() -> Iterator[Variant]:
            for number, of in enumerate(views):
                for less in self._less(number, np.asarray(of)):
                    asked.append(less)
                    kept = less.kept
                    yield Variant(
                        number,
                        embeddings[number][kept],
                        np.asarray(of)[kept],
                        self._values.counting[:, less.view],
                    )

        for place, each in enumerate(self._values(variants(), search, exclude_study, exclude_patient)):
            less = asked[place]
            if less.video is not None:
                found.without_video[first[less.study] + less.video] = each
            if less.whole_view:
                found.without_view[less.study, :, less.view] = each
        return found

    def _less(self, study: int, views: NDArray[np.integer]) -> Iterator[_Less]:
        """The study less each video that counts, and each view; the one video of a view comes once."""
        for view in np.unique(views).tolist():
            if view == NO_VIEW or not self._values.counting[self._values.sections, view].any():
                continue
            has = views == view
            of_it = np.flatnonzero(has).tolist()
            for video in of_it:
                kept = np.ones(len(views), np.bool_)
                kept[video] = False
                yield _Less(study, view, kept, video, whole_view=len(of_it) == 1)
            if len(of_it) > 1:
                yield _Less(study, view, ~has, None, whole_view=True)
