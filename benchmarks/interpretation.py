"""Studies interpreted a second: a plain study-by-study loop, the library's two shards, the job on Ray.

    python benchmarks/interpretation.py RELEASE [--studies 5000] [--rounds 3]

RELEASE is a folder in the official release's layout; without one the miniature in tests/data is used. The
embeddings are drawn: what is interpreted has no meaning, only its amount. The baseline computes values and
reports, as the published system does; library and job add the neighbours that each number rests on, and the
job reads and writes tables too. All are checked to agree. Ray is started before; the job's own actors are
part of its time. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from machine import heading
from numpy.typing import NDArray

from echoprime.bundle import Bundle
from echoprime.interpretation import Interpreter, decode_report
from echoprime.release import import_release, load_pickle
from echoprime.retrieval import CandidateSet, merge
from echoprime.retrieval.writing import value_text
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, StudyTable
from pipelines.interpret import interpret
from pipelines.ray_session import ray_session
from pipelines.settings import InterpretSettings

MINIATURE = Path(__file__).parents[1] / "tests" / "data" / "release"
BATCH = 250
"""Studies a batch of ours: 3,750 queries at most, 60 MB of labels and scores."""

Studies = tuple[list[NDArray[np.float32]], list[NDArray[np.int64]]]


def draw(studies: int, seed: int = 0) -> Studies:
    """Embeddings and views of studies of 5 to 40 videos."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(5, 41, studies).tolist()
    embeddings = [rng.standard_normal((count, 512)).astype(np.float32) for count in counts]
    return embeddings, [rng.integers(0, 11, count) for count in counts]


class PlainLoop:
    """The method, 3 and 4, as a scientist would write them for one study; reports are decoded beforehand."""

    def __init__(self, release: Path, bundle: Bundle) -> None:
        data = release / "model_data" / "candidates_data"
        parts = sorted(data.glob("candidate_embeddings_p*.pt"))
        self.candidates = torch.cat([torch.load(part, weights_only=True) for part in parts])
        self.studies = pd.read_csv(data / "candidate_studies.csv")["Study"].tolist()
        self.labels = load_pickle(data / "candidate_labels.pkl")
        lexicon = bundle.lexicon()
        self.reports = [
            decode_report(lexicon, [(*phrase[:2], value_text(phrase[2])) for phrase in report])
            for report in load_pickle(data / "candidate_reports.pkl")
        ]
        self.weights = torch.from_numpy(bundle.sections.weights.copy())
        self.sections = bundle.sections.names
        self.phenotypes = {
            section: [each.name for each in bundle.phenotypes if each.section == section]
            for section in self.sections
        }

    def study(
        self, embeddings: NDArray[np.float32], views: NDArray[np.int64]
    ) -> tuple[dict[str, float], str]:
        """Values and report of one study."""
        values: dict[str, float] = {}
        texts = []
        videos = torch.from_numpy(embeddings)
        for number, section in enumerate(self.sections):
            weight = self.weights[number, torch.from_numpy(views)]
            query = (weight[:, None] * videos).sum(dim=0)
            query = query / query.norm()
            ranking = torch.argsort(self.candidates @ query, descending=True).tolist()
            nearest = [self.studies[row] for row in ranking[:50]]
            for name in self.phenotypes[section]:
                known = self.labels[name]
                values[name] = float(np.nanmean([known.get(study, math.nan) for study in nearest]))
            header = f"{section}:"
            for row in ranking:
                start = self.reports[row].find(header)
                if start >= 0:
                    end = self.reports[row].find("[SEP]", start) + len("[SEP]")
                    texts.append(self.reports[row][start:end])
                    break
        return values, "".join(texts)

    def run(self, studies: Studies) -> list[tuple[dict[str, float], str]]:
        """Every study, one after the other."""
        return [self.study(*each) for each in zip(*studies, strict=True)]


class Library:
    """The library's functions over two shards, a thread each."""

    def __init__(self, bundle: Bundle, shards: int = 2) -> None:
        self.interpreter = Interpreter(bundle)
        candidates = CandidateSet.open(bundle)
        self.shards = [candidates.shard(*rows) for rows in candidates.ranges(shards)]

    def run(self, studies: Studies) -> list[Any]:
        """Every study, in batches; the next batch is searched while one is put into words."""
        batches = range(0, len(studies[0]), BATCH)
        with ThreadPoolExecutor(len(self.shards)) as pool:
            return list(pool.map(lambda first: self._batch(studies, first), batches))

    def _batch(self, studies: Studies, first: int) -> Any:  # noqa: ANN401  # pyarrow has no types
        here = slice(first, first + BATCH)
        queries = self.interpreter.queries(studies[0][here], studies[1][here])
        arguments = self.interpreter.search_arguments(queries)
        hits = merge([shard.search(**arguments) for shard in self.shards])
        return self.interpreter.interpret(queries, hits)


class Job:
    """The interpret job on a Ray that runs already, two shards."""

    def __init__(self, bundle: Bundle, folder: Path, studies: Studies) -> None:
        self.bundle, self.folder = bundle, folder
        identity = {"encoding_id": "drawn", "embedding_space": bundle.embedding_space}
        place = Location.parse(folder / "encodings")
        table = StudyTable.open(place, ENCODINGS, identity=identity)
        for first in range(0, len(studies[0]), BATCH):
            here = range(first, min(first + BATCH, len(studies[0])))
            table.append(
                pa.Table.from_pylist([self._row(number, studies) for number in here], _WITHOUT_STAMP)
            )

    def _row(self, number: int, studies: Studies) -> dict[str, Any]:
        embeddings, views = studies[0][number], studies[1][number].tolist()
        video = {"outcome": "encoded", "reason": "", "message": ""}
        names = self.bundle.views
        return {
            "study_id": f"{number:06d}",
            "study_key": f"{number:032x}",
            "study_kind": "unknown",
            "status": "complete",
            "videos": [
                {**video, "path": f"{place}", "embedding": place, "view": names[view]}
                for place, view in enumerate(views)
            ],
            "embeddings": list(embeddings),
            "view_probabilities": np.eye(11, dtype=np.float32)[views].tolist(),
            "encoding_id": "drawn",
            "run_id": "drawn",
        }

    def run(self, studies: Studies) -> list[Any]:
        """Every study of the table; what an earlier round wrote is taken away."""
        place = self.folder / "interpretations"
        shutil.rmtree(place, ignore_errors=True)
        interpret(
            InterpretSettings(
                bundle=str(self.bundle.location), output=str(self.folder), shards=2, progress=False
            )
        )
        return [place / "default"]

    def rows(self) -> list[Any]:
        """What it wrote, in the order of the studies."""
        return [StudyTable.existing(Location.parse(self.folder / "interpretations" / "default")).newest()]


_WITHOUT_STAMP = pa.schema([column for column in ENCODINGS if column.name != "written_at"])


def agree(plain: list[tuple[dict[str, float], str]], tables: list[Any]) -> int:
    """Compare values and reports; returns the number of studies. float32 ties may swap a neighbour."""
    rows = [row for table in tables for row in table.drop_columns(["sections"]).to_pylist()]
    different = sum(
        row["report"] != report or any(abs(row[name] - value) > 1e-4 for name, value in values.items())
        for row, (values, report) in zip(rows, plain, strict=True)
    )
    if different > len(rows) / 1000:
        raise SystemExit(f"{different} of {len(rows)} studies differ from the baseline's")
    return len(rows)


def main() -> None:
    """Interleave both, so that a busy machine slows both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("release", nargs="?", type=Path, default=MINIATURE)
    parser.add_argument("--studies", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    studies = draw(asked.studies)
    with tempfile.TemporaryDirectory() as folder, ray_session(None):
        bundle = import_release(asked.release, Path(folder) / "bundle")
        plain, library = PlainLoop(asked.release, bundle), Library(bundle)
        job = Job(bundle, Path(folder) / "out", studies)
        seconds: dict[str, list[float]] = {"plain": [], "library": [], "job": []}
        found: dict[str, list[Any]] = {}
        for _ in range(asked.rounds):
            for name, run in (("plain", plain.run), ("library", library.run), ("job", job.run)):
                start = time.perf_counter()
                found[name] = run(studies)
                seconds[name].append(time.perf_counter() - start)
        agree(found["plain"], found["library"])
        agree(found["plain"], job.rows())
    median = {name: statistics.median(times) for name, times in seconds.items()}
    print(heading(__doc__, ["numpy", "torch", "pyarrow", "ray"]))
    print(
        f"{asked.studies:,} studies of 5 to 40 videos, {bundle.candidates_rows:,} candidates, median of "
        f"{asked.rounds} interleaved.\n"
    )
    print("| | seconds | studies a second | times the plain loop |\n|---|---:|---:|---:|")
    for name, label in (
        ("plain", "plain loop, study by study"),
        ("library", "library, 2 shards, no Ray"),
        ("job", "interpret job on a local Ray, 2 shards, tables read and written"),
    ):
        rate = asked.studies / median[name]
        times = median["plain"] / median[name]
        print(f"| {label} | {median[name]:.2f} | {rate:,.0f} | {times:.1f} |")


if __name__ == "__main__":
    main()
