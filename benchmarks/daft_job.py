"""Studies an hour of the encode job against the same job written plainly for Daft.

    make bench-daft      # makes Daft's environment; from then on
    .venv/bin/python benchmarks/daft_job.py [--studies N] [--rounds N] [--bundle DIR] [--daft PYTHON]

Both list the same manifest of drawn loops, read them with `ClipReader`, encode them with the same networks
(seeded, untrained, full size, float32, one thread an actor), and write one row a study: the job (`pipelines
encode`, on a Ray of its own) into a Delta table, `plain_daft` into Parquet. Both have one reader for four
cores and one encoder a core. They run in turn, each as a command of its own. The time is what all studies
take more than the first ones alone, so that starting either cancels out; it is told apart. Memory is the
largest sum of the proportional set sizes of a command's processes; processor seconds are those of all of
them. Daft wants an older pyarrow than this project is tested with, so it has an environment of its own, and
the job's packages (torch and the rest) from the project's.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
from encode_job import LOOPS_PER_STUDY, draw
from machine import heading

from echoprime.archive import write_manifest
from echoprime.demonstration import write_demonstration_bundle
from echoprime.storage import Location
from echoprime.tables import StudyTable
from tests.process_tree import descendants

CHECKOUT = Path(__file__).parents[1]
DAFT = CHECKOUT / "build" / "daft" / "bin" / "python"
FIRST_STUDIES = 4
SAMPLE_SECONDS = 0.25
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Spent:
    """What a command took: wall seconds, processor seconds, bytes of memory at its peak."""

    wall: float = 0.0
    processor: float = 0.0
    memory: int = 0


def watched(command: list[str]) -> Spent:
    """Run a command to its end and look at its processes four times a second."""
    spent, processors = Spent(), dict[str, float]()
    # Ray's workers have a lower priority than what started them; here both sides are alike
    environment = {"PYTHONPATH": str(CHECKOUT), "DAFT_PROGRESS_BAR": "0", "RAY_worker_niceness": "0"}
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def look() -> None:
        while process.poll() is None:
            memory = 0
            for pid in descendants(process.pid):
                each = Path(f"/proc/{pid}")
                try:
                    clocks = (each / "stat").read_text().rpartition(")")[2].split()
                    processors[each.name] = (int(clocks[11]) + int(clocks[12])) / TICKS
                    memory += _proportional(each)
                except (OSError, StopIteration):
                    continue  # it has ended
            spent.memory = max(spent.memory, memory)
            time.sleep(SAMPLE_SECONDS)

    watcher = threading.Thread(target=look)
    watcher.start()
    said, _ = process.communicate()
    spent.wall = time.monotonic() - began
    watcher.join()
    spent.processor = sum(processors.values())
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said[-4000:]}")
    return spent


def _proportional(process: Path) -> int:
    lines = (process / "smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) << 10


def job(manifest: Path, bundle: Path, output: Path) -> Spent:
    """The encode job."""
    words = ["--manifest", manifest, "--bundle", bundle, "--output", output, "--no-progress"]
    return watched([sys.executable, "-m", "pipelines", "encode", *map(str, words)])


def plain_daft(python: Path, manifest: Path, bundle: Path, output: Path) -> Spent:
    """The same on Daft."""
    cores = len(os.sched_getaffinity(0))
    words = [manifest, bundle, output, max(1, cores // 4), cores]
    return watched([str(python), "benchmarks/plain_daft.py", *map(str, words)])


def least_cosine(table: Path, parquet: Path) -> float:
    """Of all studies' embeddings, one side's to the other's."""
    ours = StudyTable.existing(Location.parse(str(table)) / "encodings").newest(["study_id", "embeddings"])
    theirs = {row["study_id"]: row for row in pq.read_table(parquet).to_pylist()}
    least = 1.0
    for study, embeddings in zip(*(ours[name].to_pylist() for name in ours.column_names), strict=True):
        row = theirs.pop(study)
        by_path = sorted(zip(row["path"], row["numbers"], strict=True), key=lambda pair: pair[0])
        others = np.array([numbers["embedding"] for _, numbers in by_path])
        some = np.array(embeddings)
        lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
        least = min(least, float(((some * others).sum(axis=1) / lengths).min()))
    assert not theirs
    return least


def lay_out(place: Path, studies: int) -> tuple[Path, Path]:
    """Draw an archive; the manifests of its first studies and of all of them."""
    draw(place / "all", studies)
    for study in sorted((place / "all").iterdir())[:FIRST_STUDIES]:
        shutil.copytree(study, place / "first" / study.name)
    manifests = place / "first.parquet", place / "all.parquet"
    for manifest in manifests:
        write_manifest(Location.parse(str(place / manifest.stem)), Location.parse(str(manifest)))
    return manifests


@dataclass
class Round:
    """One side's two commands."""

    first: Spent
    whole: Spent

    @property
    def further(self) -> float:
        """Seconds of the further studies; beside much other work starting may differ by more than that."""
        return max(self.whole.wall - self.first.wall, math.nextafter(0, 1))


Sides = dict[str, list[Round]]


def run_rounds(place: Path, bundle: Path, studies: int, rounds: int, python: Path) -> tuple[Sides, float]:
    """Both sides in turn; and the least cosine of their embeddings."""
    manifests = lay_out(place, studies)
    commands: dict[str, Callable[[Path, Path, Path], Spent]] = {
        "Daft": lambda *words: plain_daft(python, *words),
        "encode job": job,
    }
    found: Sides = {name: [] for name in commands}
    for number in range(rounds):
        for name, run in commands.items():
            first, whole = (run(m, bundle, place / f"{name}-{number}-{m.stem}") for m in manifests)
            found[name].append(Round(first, whole))
            print(f"round {number + 1}, {name}: {found[name][-1]}", file=sys.stderr)
    return found, least_cosine(place / "encode job-0-all", place / "Daft-0-all")


def show(found: Sides, further: int) -> None:
    """Medians of each side, and the ratio of each round."""
    print(
        "| | studies an hour | processor seconds a clip | start and first four studies, s | peak memory, GB |"
    )
    print("|---|---|---|---|---|")
    clips = further * LOOPS_PER_STUDY
    for name, rounds in found.items():
        hour = median(3600 * further / each.further for each in rounds)
        processor = median((each.whole.processor - each.first.processor) / clips for each in rounds)
        start, memory = median(each.first.wall for each in rounds), median(e.whole.memory for e in rounds)
        print(f"| {name} | {hour:.0f} | {processor:.2f} | {start:.0f} | {memory / 1e9:.1f} |")
    pairs = zip(found["Daft"], found["encode job"], strict=True)
    ratios = [theirs.further / ours.further for theirs, ours in pairs]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"\nStudies an hour of the encode job over Daft's: {each}; median {median(ratios):.2f}.")


def main() -> None:
    """Draw, time in turn, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--daft", type=Path, default=DAFT)
    parser.add_argument("--bundle", type=Path, help="with weights of your own; default: the demonstration's")
    asked = parser.parse_args()
    versions = "import daft, pyarrow; print(daft.__version__, 'with pyarrow', pyarrow.__version__)"
    daft = subprocess.check_output([asked.daft, "-c", versions], text=True).strip()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        if asked.bundle is None:
            write_demonstration_bundle(place / "bundle")
        bundle = asked.bundle or place / "bundle"
        found, cosine = run_rounds(place, bundle, asked.studies, asked.rounds, asked.daft)
    further = asked.studies - FIRST_STUDIES
    print(heading(__doc__, ["ray", "torch", "torchvision", "pyarrow"]))
    print(f"Daft {daft}. {further} studies of {LOOPS_PER_STUDY} drawn loops, float32; ", end="")
    print("the demonstration's networks" if asked.bundle is None else "networks of one's own", end="")
    print(f"; median of {asked.rounds} rounds in turn; load average before: {load:.1f}\n")
    show(found, further)
    print(f"Least cosine of all embeddings, one side's to the other's: {cosine:.7f}.")


if __name__ == "__main__":
    main()
