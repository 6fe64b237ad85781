"""The search at full size: studies a second against the published way and FAISS, answers compared.

    pip install faiss-cpu
    python benchmarks/retrieval.py [--rows 1230676] [--studies 64] [--rounds 3]

Every way answers the same question for each study: 15 sections' 50 nearest candidates, the means of their
labels, and the nearest candidate that has the section. The embeddings are drawn; their spectrum is said. As
many threads for each. Prints a Markdown table. Up to 8 GB of memory at full size.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import torch
from drawn_candidates import SECTIONS, Spectrum, drawn_set, queries, section_labels
from machine import heading
from numpy.typing import NDArray
from searching import Answer, K, Ours
from threadpoolctl import threadpool_limits

from echoprime.retrieval import CandidateSet, FilterName
from echoprime.retrieval.first_pass import has_int8
from echoprime.retrieval.writing import file_name

PUBLISHED_STUDIES = 8
"""The published way takes a second a study: fewer of them show it as well."""


class Known:
    """The set's matrix, labels and sections in memory, as the ways that are not ours need them."""

    def __init__(self, candidates: CandidateSet) -> None:
        folder = Path(str(candidates.source))
        self.matrix = np.load(folder / file_name("embeddings", 0, 1), mmap_mode="r").view(np.ndarray)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the map, which cannot be written
            self.tensor = torch.from_numpy(self.matrix)
        table = pa.ipc.open_file(pa.memory_map(str(folder / file_name("studies", 0, 1)))).get_batch(0)
        columns = [table.column(f"label_{name}") for name in candidates.labels]
        self.labels = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
        self.sections = table.column("sections").to_numpy()

    def values(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Label means of each query's neighbours."""
        columns = np.tile(section_labels(), (len(rows) // SECTIONS, 1))
        found = self.labels[rows[:, :, None], columns[:, None, :]]
        return np.where(columns >= 0, np.nanmean(found, axis=1), np.nan)


def published(known: Known, asked: NDArray[np.float32]) -> Answer:
    """Study by study: all similarities, topk, and an argmax for each section until a report has it."""
    candidates = known.tensor
    rows, reports = [], []
    for first in range(0, len(asked), SECTIONS):
        similarities = torch.from_numpy(asked[first : first + SECTIONS]) @ candidates.T
        rows.append(torch.topk(similarities, K, dim=1).indices.numpy())
        for section in range(SECTIONS):
            while True:
                row = int(torch.argmax(similarities[section]))
                if known.sections[row] >> section & 1:
                    break
                similarities[section, row] = -torch.inf
            reports.append(row)
    found = np.concatenate(rows)
    return Answer(found, known.values(found), np.array(reports))


def by_faiss(index: Any, known: Known, asked: NDArray[np.float32]) -> Answer:  # noqa: ANN401
    """All queries at once; a section that none of the 50 has is left open (-1)."""
    _, rows = index.search(asked, K)
    bits = np.tile(np.arange(SECTIONS), len(asked) // SECTIONS)
    has = known.sections[rows] >> bits[:, None] & 1 == 1
    reports = np.where(has.any(axis=1), rows[np.arange(len(rows)), has.argmax(axis=1)], -1)
    return Answer(rows, known.values(rows), reports)


def timed(
    ways: dict[str, Callable[[], Answer]], rounds: int
) -> tuple[dict[str, float], dict[str, float], dict[str, Answer]]:
    """Median seconds, processor seconds and answers , in turn, so that a busy machine slows all."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    answers = {}
    for _ in range(rounds):
        for name, way in ways.items():
            start, cpu = time.perf_counter(), time.process_time()
            answers[name] = way()
            seconds[name].append(time.perf_counter() - start)
            spent[name].append(time.process_time() - cpu)
    wall, cpus = (
        {name: statistics.median(each) for name, each in times.items()} for times in (seconds, spent)
    )
    return wall, cpus, answers


def difference(answer: Answer, reference: Answer) -> str:
    """How an answer differs from ours in float32."""
    n = len(answer.rows)
    orders = int((answer.rows != reference.rows[:n]).any(axis=1).sum())
    sets = sum(set(a) != set(b) for a, b in zip(answer.rows.tolist(), reference.rows.tolist(), strict=False))
    reports = int(((answer.reports != reference.reports[:n]) & (answer.reports >= 0)).sum())
    if not orders and not reports:
        return "identical"
    return f"of {n:,} queries {orders:,} in another order, {sets:,} other rows, {reports:,} other reports"


def peak(threads: int) -> float:
    """GFLOP/s of a large float32 product by so many threads."""
    size = 2048
    one = np.ones((size, size), np.float32)
    best = 0.0
    with ThreadPoolExecutor(threads) as pool, threadpool_limits(1, "blas"):
        for _ in range(3):
            start = time.perf_counter()
            list(pool.map(lambda _: one @ one, range(threads)))
            best = max(best, threads * 2 * size**3 / (time.perf_counter() - start) / 1e9)
    return best


def main() -> None:
    """Draw, measure, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_230_676)
    parser.add_argument("--studies", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--decay", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="where the drawn set lies, or is written")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    faiss.omp_set_num_threads(asked.threads)
    spectrum = Spectrum(asked.decay)
    with drawn_set(asked.folder, asked.rows, spectrum) as (candidates, _):
        measure(candidates, spectrum, asked.studies, asked.rounds, asked.threads)


def measure(candidates: CandidateSet, spectrum: Spectrum, studies: int, rounds: int, threads: int) -> None:
    """All ways over one set."""
    known = Known(candidates)
    vectors = queries(spectrum, known.matrix, studies)
    few = vectors[: min(PUBLISHED_STUDIES, studies) * SECTIONS]
    index = faiss.IndexFlatIP(candidates.dimension)
    index.add(known.matrix)
    names: list[FilterName] = ["float32", "principal"]
    if has_int8():
        names.append("int8")
    ours = {(name, shards): Ours(candidates, name, shards, threads) for name in names for shards in (2, 1, 8)}
    ready = {key: each.ready() for key, each in ours.items()}
    ways: dict[str, Callable[[], Answer]] = {
        "published": lambda: published(known, few),
        "faiss": lambda: by_faiss(index, known, vectors),
        **{f"{name} {shards}": lambda way=way: way.run(vectors) for (name, shards), way in ours.items()},
    }
    top = peak(threads)
    seconds, spent, answers = timed(ways, rounds)
    of = {name: (len(few) if name == "published" else len(vectors)) / SECTIONS for name in ways}
    rate = {name: of[name] / seconds[name] for name in ways}
    flop = 2 * SECTIONS * candidates.rows * candidates.dimension
    print(heading(__doc__, ["numpy", "torch", "faiss-cpu", "pyarrow"]))
    print(
        f"{candidates.rows:,} candidates x {candidates.dimension}, variance as i**-{spectrum.decay:g}, "
        f"{spectrum.common:.0%} of the square norm in common; k = {K}, {SECTIONS} sections, "
        f"{studies} studies a batch ({len(few) // SECTIONS} for the published way), {threads} threads, "
        f"median of {rounds} in turn; "
        "CPU = processor seconds, which a busy machine changes less. "
        f"A large float32 product: {top:.0f} GFLOP/s.\n"
    )
    print("| | s a study | studies a second | times published | times FAISS | CPU s a study | answers |")
    print("|---|---:|---:|---:|---:|---:|---|")
    reference = answers["float32 2"]
    labels = {"published": "published way, one study at a time", "faiss": "FAISS IndexFlatIP, same batch"}
    for name, shards in ours:
        words = {"principal": "principal directions first", "int8": "int8 first"}.get(name, name)
        labels[f"{name} {shards}"] = f"ours, {words}, {shards} shard{'s' * (shards > 1)}"
    for name, label in labels.items():
        print(
            f"| {label} | {1 / rate[name]:.4f} | {rate[name]:.2f} | {rate[name] / rate['published']:.1f} "
            f"| {rate[name] / rate['faiss']:.2f} | {spent[name] / of[name]:.4f} "
            f"| {difference(answers[name], reference)} |"
        )
    print(
        f"\nFloat32, 2 shards: {flop * rate['float32 2'] / 1e9:.0f} GFLOP/s, "
        f"{flop * of['float32 2'] / spent['float32 2'] / 1e9:.0f} GFLOP a processor second. 8 shards have "
        "of one's rows a second: "
        + ", ".join(f"{name} {rate[f'{name} 8'] / rate[f'{name} 1']:.0%}" for name in names)
        + ". Ready: "
        + ", ".join(f"{name} {shards} shards {took:.1f} s" for (name, shards), took in ready.items())
        + f". Largest memory of the process, FAISS's copy and the mapped files included: "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB."
    )


if __name__ == "__main__":
    main()
