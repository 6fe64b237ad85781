"""Bootstrap over patients, for statistics that are made of sums: as fast for a million studies as for ten.

Patients are drawn with replacement, each with all of its studies. A statistic of sums over studies is one of
sums over patients, so a draw is a row of weights. More than `MOST_BLOCKS` patients are dealt at random into
so many blocks, and blocks are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from echoprime.population.analysed import Codes, Floats
from echoprime.population.estimates import CONFIDENCE

MOST_BLOCKS = 10_000
LEAST_PATIENTS = 5
"""Of fewer, draws say nothing: there is no interval."""

DRAWS_AT_ONCE = 100
"""Draws whose weights are in memory together."""


@dataclass(frozen=True)
class Bootstrap:
    """How patients are drawn.

    Attributes
    ----------
    draws
        How often.
    seed
        Of the drawing: the same seed, the same intervals.
    """

    draws: int = 2000
    seed: int = 0

    def sums(self, features: Floats | sparse.csr_array, patients: Codes) -> Floats:
        """Sums of features over the studies of each draw.

        Parameters
        ----------
        features
            float (studies, features), dense or sparse.
        patients
            int (studies,).

        Returns
        -------
        float (draws, features).
        """
        random = np.random.default_rng(self.seed)
        blocks, codes = self._blocks(patients, random)
        gather = sparse.csr_array(
            (np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(blocks, len(codes))
        )
        of_blocks = sparse.csr_array(gather @ features)
        found = []
        for first in range(0, self.draws, DRAWS_AT_ONCE):
            size = min(DRAWS_AT_ONCE, self.draws - first)
            drawn = random.integers(0, blocks, (size, blocks)) + np.arange(size)[:, None] * blocks
            weights = np.bincount(drawn.ravel(), minlength=size * blocks).reshape(size, blocks)
            found.append((of_blocks.T @ weights.T.astype(np.float64)).T)
        return np.concatenate(found)

    def interval(
        self, features: Floats, patients: Codes, statistic: Callable[[Floats], Floats]
    ) -> NDArray[np.float64]:
        """Percentile intervals of statistics of sums.

        Parameters
        ----------
        features
            float (studies, features).
        patients
            int (studies,).
        statistic
            Sums (draws, features) -> values (draws, statistics).

        Returns
        -------
        float (2, statistics): low and high; NaN where there are fewer than `LEAST_PATIENTS` patients.
        """
        if len(np.unique(patients)) < LEAST_PATIENTS:
            return np.full((2, statistic(features.sum(axis=0)[None]).shape[1]), np.nan)
        return percentiles(statistic(self.sums(features, patients)))

    def _blocks(self, patients: Codes, random: np.random.Generator) -> tuple[int, Codes]:
        different, codes = np.unique(patients, return_inverse=True)
        if len(different) <= MOST_BLOCKS:
            return len(different), codes
        dealt = random.permutation(len(different)) % MOST_BLOCKS
        return MOST_BLOCKS, dealt[codes]


def percentiles(values: Floats) -> NDArray[np.float64]:
    """The 95 % percentile interval of each column; draws in which it could not be computed (NaN) left out."""
    tail = (1 - CONFIDENCE) / 2
    with np.errstate(all="ignore"):
        known = np.isfinite(values).any(axis=0)
        found = np.full((2, values.shape[1]), np.nan)
        found[:, known] = np.nanquantile(values[:, known], [tail, 1 - tail], axis=0)
    return found
