"""What `--influence` costs: the interpret job with and without it, and what the values' evidence weighs.

    PYTHONPATH=. python benchmarks/influence.py [--studies 200] [--candidates 40000] [--videos 20]

Drawn embeddings against drawn candidates: their amount alone is measured. Both jobs run on a Ray that runs
already, two shards; their actors and tables are part of their time. Also timed: the candidates' own
similarities, which a set is asked for once. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from interpretation import Job
from machine import heading

from echoprime.retrieval import CandidateSet, drawn_rows, own_similarities
from pipelines.interpret import interpret
from pipelines.ray_session import ray_session
from pipelines.settings import InterpretSettings
from tests.tiny import write_tiny_bundle


def main() -> None:
    """Draw, then interpret both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--candidates", type=int, default=40_000)
    parser.add_argument("--videos", type=int, default=20)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    views = [rng.integers(0, 11, asked.videos) for _ in range(asked.studies)]
    embeddings = [rng.standard_normal((asked.videos, 512)).astype(np.float32) for _ in views]
    rows = []
    with tempfile.TemporaryDirectory() as scratch, ray_session(None):
        bundle = write_tiny_bundle(Path(scratch) / "bundle", weights=False, candidates=asked.candidates)
        out = Path(scratch) / "out"
        Job(bundle, out, (embeddings, views))
        candidates = CandidateSet.open(bundle)
        shard = candidates.shard()
        started = time.perf_counter()
        own_similarities([shard.drawn(drawn_rows(candidates.rows))], shard.search)
        own = time.perf_counter() - started
        for influence in (False, True):
            started = time.perf_counter()
            interpret(
                InterpretSettings(
                    bundle=str(bundle.location),
                    output=str(out),
                    name=f"influence-{influence}",
                    influence=influence,
                    shards=2,
                    progress=False,
                )
            )
            seconds = time.perf_counter() - started
            files = (out / "interpretations" / f"influence-{influence}").rglob("*.parquet")
            size = sum(file.stat().st_size for file in files) / asked.studies
            rows.append((influence, seconds, asked.studies / seconds, size))
    print(heading(__doc__, ["numpy", "pyarrow", "ray"]))
    print(
        f"{asked.studies:,} studies of {asked.videos} videos, {asked.candidates:,} candidates; their own "
        f"similarities: {own:.1f} s.\n"
    )
    print("| | seconds | studies a second | bytes a study |\n|---|---:|---:|---:|")
    for influence, seconds, rate, size in rows:
        print(f"| {'--influence' if influence else 'without'} | {seconds:.1f} | {rate:.1f} | {size:,.0f} |")


if __name__ == "__main__":
    main()
