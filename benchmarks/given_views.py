"""Views of a table found for the encoded videos of an archive: seconds and memory, in a process of its own.

    python benchmarks/given_views.py [--videos 5000000]

Paths, views and probabilities are drawn: two rows a video in an order of their own, ten videos a study. What
is timed is what `interpret --views` does before Ray starts: the table is read and checked, and its views are
put in the order of the encodings' rows (drawing these is timed too; the job reads them from its table).
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import heading

from echoprime.bundle import VIEWS
from echoprime.interpretation import match_views, read_given_views
from echoprime.storage import Location

VIDEOS_PER_STUDY = 10
AT_ONCE = 100_000
_VIDEOS = pa.list_(pa.struct([("path", pa.string()), ("outcome", pa.string())]))


def paths(first: int, last: int) -> list[str]:
    """Of so many videos, as long as an archive's."""
    return [f"2024/{number // VIDEOS_PER_STUDY:09d}/{number:012d}.dcm" for number in range(first, last)]


def draw_table(file: Path, videos: int) -> None:
    """Two rows a video, each batch in a shuffled order."""
    rng = np.random.default_rng(0)
    schema = pa.schema([("path", pa.string()), ("view", pa.string()), ("probability", pa.float64())])
    with pq.ParquetWriter(file, schema) as writer:
        for first in range(0, videos, AT_ONCE):
            names = paths(first, min(first + AT_ONCE, videos)) * 2
            order = pa.array(rng.permutation(len(names)))
            views = pa.array(VIEWS).take(pa.array(rng.integers(0, len(VIEWS), len(names))))
            writer.write_table(
                pa.table([pa.array(names).take(order), views, rng.random(len(names))], schema=schema)
            )


def studies(videos: int) -> Iterator[pa.Table]:
    """Rows of the encodings as the matching reads them."""
    for first in range(0, videos, AT_ONCE):
        names = paths(first, min(first + AT_ONCE, videos))
        rows = -(-len(names) // VIDEOS_PER_STUDY)
        offsets = np.minimum(np.arange(rows + 1) * VIDEOS_PER_STUDY, len(names))
        each = pa.StructArray.from_arrays(
            [pa.array(names), pa.array(["encoded"] * len(names))], fields=list(_VIDEOS.value_type)
        )
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), each)
        yield pa.table(
            {"study_id": [f"{first // VIDEOS_PER_STUDY + n:09d}" for n in range(rows)], "videos": lists}
        )


def measure(file: Path, scratch: Path, videos: int) -> dict[str, float]:
    """Seconds of both steps, and the process's peak memory in bytes."""
    started = time.perf_counter()
    table = read_given_views(Location.parse(file), None, VIEWS, scratch)
    checked = time.perf_counter()
    found = match_views(table, studies(videos), scratch)
    done = time.perf_counter()
    if (found.given, found.not_given) != (videos, 0):
        raise SystemExit(f"{found.given} videos found, {found.not_given} not")
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"read": checked - started, "match": done - checked, "bytes": peak}


def main() -> None:
    """Draw, measure in a child process, say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--videos", type=int, default=5_000_000)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure / "views.parquet", asked.measure, asked.videos)))
        return
    with tempfile.TemporaryDirectory() as folder:
        draw_table(Path(folder) / "views.parquet", asked.videos)
        words = [sys.executable, __file__, "--measure", folder, "--videos", str(asked.videos)]
        answer = subprocess.run(words, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise SystemExit(answer.stderr)
        found = json.loads(answer.stdout.splitlines()[-1])
    print(heading(__doc__, ["duckdb", "pyarrow", "numpy"]))
    print(f"{2 * asked.videos:,} rows, {asked.videos:,} videos.\n")
    print("| stage | seconds |\n|---|---:|")
    print(f"| read and check the table | {found['read']:.1f} |")
    print(f"| find the views of the videos | {found['match']:.1f} |")
    print(f"\nPeak memory {found['bytes'] / 2**30:.2f} GiB.")


if __name__ == "__main__":
    main()
