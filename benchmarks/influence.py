"""What `--influence` costs: studies interpreted by the library with and without it, one process, no Ray.

    PYTHONPATH=. python benchmarks/influence.py [--studies 64] [--candidates 40000] [--videos 20]

Drawn embeddings against drawn candidates: their amount alone is measured. Both ways in turn, batch by batch.
Processor seconds. Also: the candidates' own similarities, which a set is asked for once, and what a row
weighs as Parquet. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import heading

from echoprime.interpretation import Interpreter
from echoprime.retrieval import CandidateSet, drawn_rows, own_similarities
from tests.tiny import write_tiny_bundle

BATCH = 16
"""Studies at once, as the job has them with --influence."""


def size(table: pa.Table, file: Path) -> int:
    """Bytes of a table as Parquet."""
    pq.write_table(table, file, compression="zstd")
    return file.stat().st_size


def main() -> None:
    """Draw, then interpret both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=64)
    parser.add_argument("--candidates", type=int, default=40_000)
    parser.add_argument("--videos", type=int, default=20)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = write_tiny_bundle(Path(scratch) / "bundle", weights=False, candidates=asked.candidates)
        candidates, interpreter = CandidateSet.open(bundle), Interpreter(bundle)
        shard = candidates.shard()
        started = time.process_time()
        own = own_similarities([shard.drawn(drawn_rows(candidates.rows))], shard.search)
        of_the_set = time.process_time() - started
        seconds = {False: 0.0, True: 0.0}
        tables: dict[bool, list[pa.Table]] = {False: [], True: []}
        for _ in range(0, asked.studies, BATCH):
            views = [rng.integers(0, 11, asked.videos) for _ in range(BATCH)]
            embeddings = [rng.standard_normal((asked.videos, 512)).astype(np.float32) for _ in views]
            for influence in (False, True):
                started = time.process_time()
                queries = interpreter.queries(embeddings, views)
                hits = shard.search(**interpreter.search_arguments(queries))
                without = interpreter.influence(embeddings, views, shard.search) if influence else None
                tables[influence].append(
                    interpreter.interpret(queries, hits, own_similarities=own, influence=without)
                )
                seconds[influence] += time.process_time() - started
        studies = BATCH * len(tables[True])
        file = Path(scratch) / "rows.parquet"
        whole = {influence: pa.concat_tables(each) for influence, each in tables.items()}
        bytes_a_study = {influence: size(table, file) / studies for influence, table in whole.items()}
        bare = size(whole[False].drop_columns(["phenotypes"]), file) / studies
    print(heading(__doc__, ["numpy", "pyarrow"]))
    print(
        f"{studies} studies of {asked.videos} videos, {asked.candidates:,} candidates; their "
        f"own similarities: {of_the_set:.1f} processor seconds. A row without `phenotypes`: {bare:,.0f} "
        "bytes.\n"
    )
    print("| | processor seconds a study | times | bytes a study |\n|---|---:|---:|---:|")
    for influence, label in ((False, "without"), (True, "--influence")):
        each, times = seconds[influence] / studies, seconds[influence] / seconds[False]
        print(f"| {label} | {each:.4f} | {times:.1f} | {bytes_a_study[influence]:,.0f} |")


if __name__ == "__main__":
    main()
