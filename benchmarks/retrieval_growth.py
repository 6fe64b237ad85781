"""How the search grows with candidates and shards, how soon shards are ready, and what stays in memory.

    python benchmarks/retrieval_growth.py [--rows 1230676] [--repeated 1 2 4] [--shards 1 2 8]

The embeddings are drawn as in retrieval.py; the larger sets are the first one's files several times, which
saves disk and memory, not work. Each measurement runs in a process of its own, two threads each. Prints a
Markdown table, and draws benchmarks/results/retrieval_growth.svg.
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
from drawn_candidates import SECTIONS, Spectrum, drawn_set, queries
from machine import heading
from searching import Ours

from echoprime.retrieval import CandidateSet
from echoprime.retrieval.first_pass import has_int8
from echoprime.retrieval.writing import file_name

FILTERS = ("float32", "principal", "int8") if has_int8() else ("float32", "principal")
PLOT = Path(__file__).parent / "results" / "retrieval_growth.svg"


def repeated(folder: Path, times: int, out: Path) -> None:
    """A set that has the rows of a one-file set several times, by links."""
    content = json.loads((folder / "candidates.json").read_text())
    content |= {"rows": content["rows"] * times, "files": times}
    for kind in ("embeddings", "studies"):
        for number in range(times):
            (out / file_name(kind, number, times)).symlink_to((folder / file_name(kind, 0, 1)).resolve())
    (out / "candidates.json").write_text(json.dumps(content))


def child(
    folder: Path,
    name: Any,  # noqa: ANN401  # one of FILTERS
    shards: int,
    decay: float,
    studies: int,
    rounds: int,
) -> dict[str, float]:
    """Open, make ready, search; seconds and bytes."""
    start = time.perf_counter()
    candidates = CandidateSet.open(folder)
    ours = Ours(candidates, name, shards)
    ours.ready()
    ready = time.perf_counter() - start
    matrix = np.load(folder / file_name("embeddings", 0, candidates.files), mmap_mode="r")
    asked = queries(Spectrum(decay), matrix, studies)
    del matrix
    seconds, spent = [], []
    ours.run(asked[:SECTIONS])  # the first reads the files
    for _ in range(rounds):
        start, cpu = time.perf_counter(), time.process_time()
        ours.run(asked)
        seconds.append((time.perf_counter() - start) / studies)
        spent.append((time.process_time() - cpu) / studies)
    return {"ready": ready, "seconds": min(seconds), "cpu": min(spent), **_resident()}


def _resident() -> dict[str, float]:
    """GB of this process: pages of mapped files, and memory of its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return {"mapped": int(sizes["RssFile"]) / 1e6, "own": int(sizes["RssAnon"]) / 1e6}


def measured(*arguments: object) -> dict[str, float]:
    """`child` in a process of its own."""
    command = [sys.executable, __file__, "--child", *(str(each) for each in arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def plot(found: dict[tuple[int, str, int], dict[str, float]], shards: list[int]) -> None:
    """Processor seconds a study over candidates, one line a filter and number of shards."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "retrieval_growth"
    import matplotlib.pyplot as plt

    rows = sorted({key[0] for key in found})
    figure, (grown, cut) = plt.subplots(1, 2, figsize=(11, 5))
    colours = ("tab:blue", "tab:orange", "tab:green")
    for name, colour in zip(FILTERS, colours, strict=False):
        for count, style in zip(shards, ("-", "--", ":"), strict=False):
            times = [found[each, name, count]["cpu"] for each in rows]
            label = f"{name}, {count} shard{'s' * (count > 1)}"
            grown.plot([each / 1e6 for each in rows], times, style, color=colour, marker="o", label=label)
        alone = found[rows[0], name, shards[0]]["cpu"]
        kept = [alone / found[rows[0], name, count]["cpu"] for count in shards]
        cut.plot(shards, kept, color=colour, marker="o", label=name)
    grown.set(xlabel="candidates, millions", ylabel="processor seconds a study (15 sections)", yscale="log")
    cut.set(xlabel=f"shards of {rows[0]:,} candidates", ylabel="rows a processor second, of one shard's")
    cut.set_ylim(bottom=0)
    for axes, columns in ((grown, len(FILTERS)), (cut, 1)):
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    """Draw the set, measure, print, plot."""
    if sys.argv[1:2] == ["--child"]:
        folder, name, shards, decay, *numbers = sys.argv[2:]
        found_here = child(Path(folder), name, int(shards), float(decay), *(int(each) for each in numbers))
        print(json.dumps(found_here))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_230_676)
    parser.add_argument("--repeated", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--decay", type=float, default=2.0)
    parser.add_argument("--studies", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the drawn set lies, or is written")
    asked = parser.parse_args()
    found = {}
    drawn = drawn_set(asked.folder, asked.rows, Spectrum(asked.decay))
    with drawn as (candidates, folder), tempfile.TemporaryDirectory() as scratch:
        rows = candidates.rows
        for times in asked.repeated:
            place = Path(scratch) / str(times)
            place.mkdir()
            repeated(folder, times, place)
            for name in FILTERS:
                for shards in asked.shards:
                    found[rows * times, name, shards] = measured(
                        place, name, shards, asked.decay, asked.studies, asked.rounds
                    )
    print(heading(__doc__, ["numpy", "pyarrow"]))
    print(
        f"{SECTIONS} sections, k = 50, {asked.studies} studies a batch, 2 threads, best of {asked.rounds}; "
        f"variance as i**-{asked.decay:g}. The matrix alone is 2.05 GB a million candidates (here in memory "
        "once, however often it is repeated, but counted as often as it is mapped).\n"
    )
    print(
        "| candidates | first pass | shards | ready, s | s a study | CPU s a study | mapped, GB | own, GB |"
    )
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for (count, name, shards), each in found.items():
        print(
            f"| {count:,} | {name} | {shards} | {each['ready']:.1f} | {each['seconds']:.3f} "
            f"| {each['cpu']:.3f} | {each['mapped']:.2f} | {each['own']:.2f} |"
        )
    print(f"\n![growth]({PLOT.name})")
    plot(found, asked.shards)


if __name__ == "__main__":
    main()
