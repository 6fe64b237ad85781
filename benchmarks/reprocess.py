"""Reprocess an archive: other candidates, and sets stacked, interpreted against and compared with the old.

    python benchmarks/reprocess.py RELEASE [--studies 20000] [--own 4000] [--candidates 40000]

RELEASE is a folder in the official release's layout; without one the miniature in tests/data is used. The
encoded studies are drawn (5 to 40 videos each), and there is no archive: nothing could open a video. One set
is built from the first studies (--own), with reports drawn from the lexicon; one of --candidates drawn rows
is imported from Parquet. Both are stacked: of the first studies the own candidates are left out, and said.
Each step is timed as a person waits for it: the job's checks, Ray's start, tables read and written. Prints a
Markdown table.
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
import pyarrow as pa
import pyarrow.parquet as pq
from interpretation import MINIATURE, Job, draw
from machine import heading

from echoprime.bundle import Bundle, Lexicon
from echoprime.interpretation import decode_report
from echoprime.interpretation.leakage import Leakage
from echoprime.release import import_release
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.candidate_sets.plain import import_set
from pipelines.candidate_sets.stacking import stack_sets
from pipelines.candidates import build
from pipelines.compare import compare
from pipelines.interpret import interpret
from pipelines.settings import (
    CandidatesBuildSettings,
    CandidatesImportSettings,
    CandidatesStackSettings,
    CompareSettings,
    InterpretSettings,
)


def drawn_report(lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Half of the sections, one to three phrases each, and a sentence that is no phrase."""
    report = [
        (section, int(phrase), f"{rng.uniform(1, 80):.1f}")
        for section, phrases in enumerate(lexicon.phrases)
        if rng.random() < 0.5
        for phrase in rng.choice(len(phrases), min(len(phrases), int(rng.integers(1, 4))), replace=False)
    ]
    return f"{decode_report(lexicon, report)} Read by hand."


def draw_reports(bundle: Bundle, studies: int, file: Path, seed: int = 1) -> None:
    """A CSV of reports of the first studies."""
    rng, lexicon = np.random.default_rng(seed), bundle.lexicon()
    with file.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["study_id", "report"])
        writer.writerows([f"{number:06d}", drawn_report(lexicon, rng)] for number in range(studies))


def draw_rows(bundle: Bundle, rows: int, file: Path, seed: int = 2) -> None:
    """Candidates as a user's own Parquet: unit embeddings, labels known for half, reports."""
    rng, lexicon = np.random.default_rng(seed), bundle.lexicon()
    embeddings = rng.standard_normal((rows, 512)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = {
        each.name: pa.array(
            rng.integers(0, 2, rows).astype(np.float64) * (1 if each.kind == "binary" else 60),
            mask=rng.random(rows) < 0.5,
        )
        for each in bundle.phenotypes
    }
    columns = {
        "study_id": [f"drawn-{number:06d}" for number in range(rows)],
        "patient_id": [f"patient-{number // 2:06d}" for number in range(rows)],
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), 512),
        **labels,
        "report": [drawn_report(lexicon, rng) for _ in range(rows)],
    }
    pq.write_table(pa.table(columns), file)


def timed(step: Callable[[], Any]) -> float:
    """Seconds that a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def main() -> None:
    """Draw, then build, import, stack, interpret twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("release", nargs="?", type=Path, default=MINIATURE)
    parser.add_argument("--studies", type=int, default=20_000)
    parser.add_argument("--own", type=int, default=4_000)
    parser.add_argument("--candidates", type=int, default=40_000)
    asked = parser.parse_args()
    own = min(asked.own, asked.studies)
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch), Path(scratch) / "out"
        bundle = import_release(asked.release, folder / "bundle")
        Job(bundle, out, draw(asked.studies))
        draw_reports(bundle, own, folder / "reports.csv")
        draw_rows(bundle, asked.candidates, folder / "rows.parquet")
        steps = _steps(bundle, out, folder, own, asked.candidates)
        seconds = {name: (count or asked.studies, timed(step)) for name, (count, step) in steps.items()}
        table = StudyTable.existing(Location.parse(out / "interpretations" / "stacked"))
        leakage = Leakage.of_table(table)
        if leakage.studies != asked.studies:
            raise SystemExit("a study is missing")
    print(heading(__doc__, ["numpy", "pyarrow", "ray", "duckdb"]))
    print(f"{asked.studies:,} encoded studies of 5 to 40 videos, no archive there. {leakage.said()}.\n")
    print("| | seconds | a second |\n|---|---:|---:|")
    for name, (count, spent) in seconds.items():
        print(f"| {name} | {spent:.1f} | {count / spent:,.0f} |")


def _steps(
    bundle: Bundle, out: Path, folder: Path, own: int, drawn: int
) -> dict[str, tuple[int | None, Callable[[], Any]]]:
    """What is timed -> what it counts (None = studies), and how it is done."""
    where = str(bundle.location)
    common: dict[str, Any] = {"bundle": where, "output": str(out), "progress": False}
    built = CandidatesBuildSettings(
        encodings=str(out / "encodings"),
        bundle=where,
        candidates=str(folder / "own"),
        reports=str(folder / "reports.csv"),
    )
    imported = CandidatesImportSettings(
        candidates=str(folder / "drawn"),
        rows=str(folder / "rows.parquet"),
        bundle=where,
        embedding_space=bundle.embedding_space,
    )
    stacked = CandidatesStackSettings(
        candidates=str(folder / "stack"),
        sets=(str(folder / "drawn"), str(folder / "own")),
        names="drawn,own",
    )
    again = InterpretSettings(**common, candidates=str(folder / "stack"), name="stacked")
    tables = {
        side: str(out / "interpretations" / name)
        for side, name in (("first", "default"), ("second", "stacked"))
    }
    return {
        f"candidates build: {own:,} candidates": (own, lambda: build(built)),
        f"candidates import: {drawn:,} candidates": (drawn, lambda: import_set(imported)),
        "candidates stack": (own + drawn, lambda: stack_sets(stacked)),
        f"interpret: the bundle's {bundle.candidates_rows:,} candidates": (
            None,
            lambda: interpret(InterpretSettings(**common)),
        ),
        f"interpret --candidates stack/: {own + drawn:,} candidates": (None, lambda: interpret(again)),
        "compare": (None, lambda: compare(CompareSettings(**tables))),
    }


if __name__ == "__main__":
    main()
