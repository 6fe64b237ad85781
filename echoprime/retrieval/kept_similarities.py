"""A candidate set's own similarities, computed once on a node: it is a search of 2,000 queries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from echoprime.bundle.cache import cache_directory
from echoprime.retrieval.searchable import Candidates
from echoprime.storage.local_files import writing

KEPT_FROM = 5_000
"""A set of fewer rows is asked again each time: 40,000 took 5.4 processor seconds."""

NAME = "own-similarities-1.npy"
"""Another number where they are computed otherwise."""


def kept_similarities(
    candidates: Candidates, compute: Callable[[], NDArray[np.float64]], *, kept_from: int = KEPT_FROM
) -> NDArray[np.float64]:
    """What an earlier run found for the same candidates, else computed and kept for the next.

    They lie beside the node's copies of bundles ($ECHOPRIME_CACHE, else ~/.cache/echoprime), by the set's
    hash, and hold nothing but numbers.

    Parameters
    ----------
    candidates
        The set. One that is not hashed is computed again each time.
    compute
        float64 (n,), ascending, where they are not there. A damaged file is written again, and one that
        cannot be written is done without.
    kept_from
        Rows of the least set that is kept.
    """
    if candidates.hash is None or candidates.rows < kept_from:
        return compute()
    place = cache_directory(candidates.hash) / NAME
    with suppress(OSError, ValueError, EOFError):
        found = np.load(place, allow_pickle=False)
        if isinstance(found, np.ndarray) and found.dtype == np.float64 and found.ndim == 1:
            return found
    found = compute()
    with suppress(OSError), writing(place) as file:  # a full or read-only disk
        np.save(file, found)
    return found
