"""The library's search as the benchmarks of retrieval run it: shards, two threads, answers put together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from drawn_candidates import SECTIONS, section_labels
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from echoprime.retrieval import CandidateSet, FilterName, ShardHits, search_shards

K = 50


@dataclass
class Answer:
    """What one way found: rows (queries, k), label means (queries, 2), report rows (queries,)."""

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    reports: NDArray[np.int64]


@contextmanager
def one_thread_each(threads: int) -> Iterator[ThreadPoolExecutor]:
    """So many threads whose BLAS and torch start none of their own, as in an actor of one core."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        with pool, threadpool_limits(1, "blas"):
            yield pool
    finally:
        torch.set_num_threads(before)


def asking(asked: NDArray[np.float32], part: slice = slice(None)) -> dict[str, Any]:
    """A search's arguments for some of the queries, those of all sections of each study."""
    studies = len(asked) // SECTIONS
    return {
        "queries": asked[part],
        "section_bits": np.tile(np.arange(SECTIONS), studies)[part],
        "columns": np.tile(section_labels(), (studies, 1))[part],
        "k": K,
    }


class Ours:
    """The library: shards searched by a few threads, merged."""

    def __init__(
        self, candidates: CandidateSet, first_pass: FilterName, shards: int, threads: int = 2
    ) -> None:
        self.threads = threads
        self.shards = [candidates.shard(*rows, first_pass) for rows in candidates.ranges(shards)]

    def ready(self) -> float:
        """Seconds until the shards have made their filter."""
        start = time.perf_counter()
        with one_thread_each(self.threads) as pool:
            list(pool.map(lambda shard: shard.prepare(), self.shards))
        return time.perf_counter() - start

    def run(self, asked: NDArray[np.float32]) -> Answer:
        """A part of the queries a thread, which asks one shard after the other."""

        def ask(arguments: Sequence[Mapping[str, Any] | None]) -> list[ShardHits | None]:
            pairs = zip(self.shards, arguments, strict=True)
            return [None if each is None else shard.search(**each) for shard, each in pairs]

        def search(part: slice) -> ShardHits:
            return search_shards(ask, len(self.shards), **asking(asked, part))

        cuts = np.linspace(0, len(asked), self.threads + 1).astype(int)
        with one_thread_each(self.threads) as pool:
            hits = list(pool.map(search, [slice(*pair) for pair in pairwise(cuts.tolist())]))
        labels = np.concatenate([each.labels for each in hits])
        with np.errstate(invalid="ignore"):
            known = (~np.isnan(labels)).sum(axis=1)
            values = np.nansum(labels, axis=1) / known
        return Answer(
            np.concatenate([each.rows for each in hits]),
            values,
            np.concatenate([each.report_rows for each in hits]),
        )
