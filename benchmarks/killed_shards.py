"""Candidate shards killed in mid-query at full size: answers compared with an undisturbed search's.

    python benchmarks/killed_shards.py [--rows 1230676] [--shards 8] [--kills 6]

Actors on a local Ray hold the set; a batch of studies is searched undisturbed, then again and again while
one shard's process gets a SIGKILL, each time another one and later in the search. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from drawn_candidates import SECTIONS, Spectrum, drawn_set, queries
from machine import heading
from searching import K, asking

from echoprime.retrieval.writing import file_name
from operators.candidate_shard import ShardActors
from operators.search_candidates import search_candidates
from pipelines.ray_session import ray_session


def killed(shards: ShardActors, question: dict[str, Any], number: int, after: float) -> tuple[Any, float]:
    """The answer to a search during which shard `number` is killed after so many seconds, and its seconds."""
    pid = ray.get(shards.handles[number].__ray_call__.remote(lambda _: os.getpid()))
    timer = threading.Timer(after, os.kill, (pid, signal.SIGKILL))
    start = time.perf_counter()
    timer.start()
    try:
        answer = search_candidates(shards, **question)
    finally:
        seconds = time.perf_counter() - start
        timer.cancel()
        timer.join()
    if ray.get(shards.handles[number].__ray_call__.remote(lambda _: os.getpid())) == pid:
        raise SystemExit(f"shard {number} had answered before it was killed: let --studies be more")
    return answer, seconds


def main() -> None:
    """Draw, search, kill, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_230_676)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--studies", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="where the drawn set lies, or is written")
    asked = parser.parse_args()
    spectrum = Spectrum(1.0)
    with drawn_set(asked.folder, asked.rows, spectrum) as (candidates, folder):
        matrix = np.load(folder / file_name("embeddings", 0, 1), mmap_mode="r")
        question = asking(queries(spectrum, matrix, asked.studies))
        with ray_session(None):
            shards = ShardActors.start(candidates, shards=asked.shards, run_id="killed")
            measure(shards, question, asked.kills, candidates.rows)
            shards.stop()


def measure(shards: ShardActors, question: dict[str, Any], kills: int, rows: int) -> None:
    """Undisturbed, then killed."""
    search_candidates(shards, **question)  # files are read and filters made
    start = time.perf_counter()
    expected = search_candidates(shards, **question)
    took = time.perf_counter() - start
    studies = len(question["queries"]) // SECTIONS
    print(heading(__doc__, ["ray", "numpy", "torch"]))
    print(
        f"{rows:,} candidates in {len(shards.handles)} shards, {studies} studies a search, k = {K}, "
        f"default filter; undisturbed {took:.1f} s.\n"
    )
    print("| shard killed | after, s | search, s | answers that differ |\n|---:|---:|---:|---:|")
    for turn in range(kills):
        number = turn % len(shards.handles)
        after = took * (turn + 0.5) / (kills + 1)
        answer, seconds = killed(shards, question, number, after)
        wrong = int(((answer.rows != expected.rows) | (answer.scores != expected.scores)).any(axis=1).sum())
        if wrong == 0 and not answer.equals(expected):
            wrong = -1  # other labels, names or texts
        print(f"| {number} | {after:.2f} | {seconds:.1f} | {wrong} |", flush=True)


if __name__ == "__main__":
    main()
