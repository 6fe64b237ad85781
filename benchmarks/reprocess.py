"""Reprocess an archive: a candidate set of one's own, interpreted against it, and compared with the old.

    python benchmarks/reprocess.py RELEASE [--studies 20000] [--candidates 4000]

RELEASE is a folder in the official release's layout; without one the miniature in tests/data is used. The
encoded studies are drawn (5 to 40 videos each), and there is no archive: nothing could open a video. The set
is built from the first studies, with reports drawn from the lexicon. Each step is timed as a person waits for
it: the job's checks, Ray's start, tables read and written. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from interpretation import MINIATURE, Job, draw
from machine import heading

from echoprime.bundle import Bundle
from echoprime.interpretation import decode_report
from echoprime.release import import_release
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.candidates import build
from pipelines.compare import compare
from pipelines.interpret import interpret
from pipelines.settings import CandidatesBuildSettings, CompareSettings, InterpretSettings


def draw_reports(bundle: Bundle, studies: int, file: Path, seed: int = 1) -> None:
    """A CSV of reports: half of the sections, one to three phrases each, a sentence that is no phrase."""
    rng = np.random.default_rng(seed)
    lexicon = bundle.lexicon()
    with file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["study_id", "report"])
        for number in range(studies):
            report = [
                (section, int(phrase), f"{rng.uniform(1, 80):.1f}")
                for section, phrases in enumerate(lexicon.phrases)
                if rng.random() < 0.5
                for phrase in rng.choice(
                    len(phrases), min(len(phrases), int(rng.integers(1, 4))), replace=False
                )
            ]
            writer.writerow([f"{number:06d}", f"{decode_report(lexicon, report)} Read by hand."])


def timed(step: Callable[[], Any]) -> float:
    """Seconds that a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def main() -> None:
    """Draw, then build, interpret twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("release", nargs="?", type=Path, default=MINIATURE)
    parser.add_argument("--studies", type=int, default=20_000)
    parser.add_argument("--candidates", type=int, default=4_000)
    asked = parser.parse_args()
    candidates = min(asked.candidates, asked.studies)
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch), Path(scratch) / "out"
        bundle = import_release(asked.release, folder / "bundle")
        Job(bundle, out, draw(asked.studies))
        draw_reports(bundle, candidates, folder / "reports.csv")
        common = {"bundle": str(bundle.location), "output": str(out), "progress": False}
        tables = {name: str(out / "interpretations" / name) for name in ("default", "own")}
        seconds = {
            f"candidates build: {candidates:,} candidates": timed(
                lambda: build(
                    CandidatesBuildSettings(
                        encodings=str(out / "encodings"),
                        bundle=str(bundle.location),
                        candidates=str(folder / "set"),
                        reports=str(folder / "reports.csv"),
                    )
                )
            ),
            f"interpret: the bundle's {bundle.candidates_rows:,} candidates": timed(
                lambda: interpret(InterpretSettings(**common))
            ),
            f"interpret --candidates --name own: {candidates:,} candidates": timed(
                lambda: interpret(InterpretSettings(**common, candidates=str(folder / "set"), name="own"))
            ),
            "compare": timed(lambda: compare(CompareSettings(first=tables["default"], second=tables["own"]))),
        }
        rows = [StudyTable.existing(Location.parse(place)).newest(["study_id"]) for place in tables.values()]
        if any(len(table) != asked.studies for table in rows):
            raise SystemExit("a study is missing")
    print(heading(__doc__, ["numpy", "pyarrow", "ray", "duckdb"]))
    print(f"{asked.studies:,} encoded studies of 5 to 40 videos, no archive there.\n")
    print("| | seconds | studies a second |\n|---|---:|---:|")
    for name, spent in seconds.items():
        count = candidates if name.startswith("candidates") else asked.studies
        print(f"| {name} | {spent:.1f} | {count / spent:,.0f} |")


if __name__ == "__main__":
    main()
