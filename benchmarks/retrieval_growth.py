"""How the search grows with candidates and shards, how soon a shard is ready, and what stays in memory.

    python benchmarks/retrieval_growth.py [--rows 1230676 2500000 5000000] [--shards 1 2 8]

The embeddings are drawn as in retrieval.py. Every measurement runs in a process of its own, two threads each.
Prints a Markdown table, and draws benchmarks/results/retrieval_growth.svg. A row takes 2 kB of disk and cache.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from drawn_candidates import SECTIONS, Spectrum, queries, write
from machine import heading
from searching import Ours

from echoprime.retrieval import CandidateSet
from echoprime.retrieval.writing import file_name

FILTERS = ("float32", "principal")
ROWS_A_FILE = 625_000
PLOT = Path(__file__).parent / "results" / "retrieval_growth.svg"


def child(folder: Path, name: Any, shards: int, studies: int, rounds: int) -> dict[str, float]:  # noqa: ANN401
    """Open, make ready, search; seconds and bytes."""
    start = time.perf_counter()
    candidates = CandidateSet.open(folder)
    ours = Ours(candidates, name, shards)
    ours.ready()
    ready = time.perf_counter() - start
    matrix = np.load(folder / file_name("embeddings", 0, candidates.files), mmap_mode="r")
    asked = queries(Spectrum(1.0), matrix, studies)
    del matrix
    seconds = []
    for _ in range(rounds + 1):  # the first reads the files
        start = time.perf_counter()
        ours.run(asked)
        seconds.append(time.perf_counter() - start)
    return {"ready": ready, "seconds": float(np.median(seconds[1:])) / studies, **_resident()}


def _resident() -> dict[str, float]:
    """GB of this process: pages of mapped files, and memory of its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return {"mapped": int(sizes["RssFile"]) / 1e6, "own": int(sizes["RssAnon"]) / 1e6}


def measured(folder: Path, name: str, shards: int, studies: int, rounds: int) -> dict[str, float]:
    """`child` in a process of its own."""
    arguments = ["--child", str(folder), name, str(shards), str(studies), str(rounds)]
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def plot(found: dict[tuple[int, str, int], dict[str, float]], rows: list[int], shards: list[int]) -> None:
    """Milliseconds a study over candidates, one line a filter and number of shards."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "retrieval_growth"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2))
    for name, style in zip(FILTERS, ("-", "--"), strict=True):
        for count, colour in zip(shards, ("tab:blue", "tab:orange", "tab:green"), strict=False):
            times = [found[each, name, count]["seconds"] * 1000 for each in rows]
            label = f"{name}, {count} shard{'s' * (count > 1)}"
            axes.plot([each / 1e6 for each in rows], times, style, color=colour, marker="o", label=label)
    axes.set(xlabel="candidates, millions", ylabel="milliseconds a study (15 sections)", yscale="log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    """Draw each set, measure, print, plot."""
    if sys.argv[1:2] == ["--child"]:
        folder, name, *numbers = sys.argv[2:]
        print(json.dumps(child(Path(folder), name, *(int(each) for each in numbers))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_230_676, 2_500_000, 5_000_000])
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--studies", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    found = {}
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as scratch:
            write(Path(scratch), rows, Spectrum(1.0), files=-(-rows // ROWS_A_FILE))
            for name in FILTERS:
                for shards in asked.shards:
                    found[rows, name, shards] = measured(
                        Path(scratch), name, shards, asked.studies, asked.rounds
                    )
    print(heading(__doc__, ["numpy", "pyarrow"]))
    print(
        f"{SECTIONS} sections, k = 50, {asked.studies} studies a batch, 2 threads, median of {asked.rounds}; "
        "variance as 1/i. The matrix alone is 2,048 bytes a candidate.\n"
    )
    print("| candidates | first pass | shards | ready, s | ms a study | M rows/s | mapped, GB | own, GB |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for (rows, name, shards), each in found.items():
        print(
            f"| {rows:,} | {name} | {shards} | {each['ready']:.1f} | {each['seconds'] * 1000:.1f} "
            f"| {rows * SECTIONS / each['seconds'] / 1e6:,.0f} | {each['mapped']:.2f} | {each['own']:.2f} |"
        )
    print(f"\n![growth]({PLOT.name})")
    plot(found, asked.rows, asked.shards)


if __name__ == "__main__":
    main()
