"""A population study of a million studies: seconds and memory of the job, in a process of its own.

    python benchmarks/population.py [--studies 1000000] [--keep FOLDER]

Tables of interpretations, encodings and manifest, and a cohort, are drawn in bulk: their values mean nothing,
only their amount. Two thirds of the patients came once; studies have 5 to 15 videos. The embeddings are left
empty: no population study reads them. Reports and evidence are short for the same reason. Prints a Markdown
table.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from machine import heading
from numpy.typing import NDArray

from echoprime.bundle import VIEWS
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, VIDEO, StudyTable, interpretations

BATCH = 50_000
"""Studies drawn and committed at once."""

BINARY = 19
CALLED = 13
MEMORY_GB, MINUTES = 8, 5
"""What the issue asks for."""

JOB = """
import json, resource, sys, time
from pipelines.population import study
from pipelines.settings import PopulationSettings
started = time.perf_counter()
study(PopulationSettings(output=sys.argv[1], cohort=sys.argv[2], by="sex,site,device",
    known=("ejection_fraction=ef_by_hand", "finding_01=finding_by_hand")))
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def names() -> tuple[list[str], list[str]]:
    """Phenotypes, and those with a call."""
    binary = [f"finding_{number:02d}" for number in range(BINARY)]
    return ["ejection_fraction", "pulmonary_artery_pressure_continuous", *binary], binary[:CALLED]


def draw_tables(output: Path, studies: int) -> None:
    """Manifest, encodings and interpretations of so many studies."""
    rng = np.random.default_rng(0)
    phenotypes, called = names()
    place = Location.parse(output)
    identity = {"encoding_id": "drawn", "thresholds": dict.fromkeys(called, 0.3), "embedding_space": "drawn"}
    encodings = StudyTable.open(place / "encodings", ENCODINGS, identity=identity)
    schema = interpretations(phenotypes, called)
    table = StudyTable.open(place / "interpretations" / "default", schema, identity=identity)
    listed = pa.schema([("study_id", pa.string()), ("patient_id", pa.string())])
    with pq.ParquetWriter(output / "manifest.parquet", listed) as manifest:
        for first in range(0, studies, BATCH):
            ids = np.arange(first, min(first + BATCH, studies))
            keys = pa.array([f"{number:09d}" for number in ids.tolist()])
            videos = rng.integers(5, 16, len(ids))
            encodings.append(encoded_rows(rng, keys, videos))
            stamp = deltalake.DeltaTable(str(output / "encodings")).history(1)[0]["timestamp"]
            table.append(interpreted_rows(rng, schema, keys, videos, phenotypes, called, stamp))
            paths = keys.take(pa.array(np.repeat(np.arange(len(ids)), videos)))
            manifest.write_table(pa.table([paths, pa.nulls(len(paths), pa.string())], schema=listed))
            print(f"drawn: {first + len(ids):,} of {studies:,} studies", file=sys.stderr)


def encoded_rows(rng: np.random.Generator, keys: pa.Array, videos: NDArray[np.int64]) -> pa.Table:
    """Rows of the encodings table, embeddings left empty."""
    count = int(videos.sum())
    outcome = rng.choice(3, count, p=[0.9, 0.08, 0.02])
    encoded = outcome == 0
    columns: dict[str, Any] = {
        "path": pa.array([f"{number:012d}/0001.dcm" for number in range(count)]),
        "size": pa.array(rng.integers(10**6, 10**7, count)),
        "token": pa.array([f"{number:032x}" for number in range(count)]),
        "outcome": pa.array(["encoded", "skipped", "failed"]).take(pa.array(outcome)),
        "reason": pa.array(["", "still", "not_decodable"]).take(pa.array(outcome)),
        "message": pa.array([""]).take(pa.array(np.zeros(count, np.int64))),
        "view": pa.array(VIEWS).take(pa.array(rng.integers(0, len(VIEWS), count), mask=~encoded)),
        "frames": pa.array(rng.integers(20, 120, count), pa.int32()),
        "frame_time": pa.array(rng.choice([16.7, 20.0, 33.3], count), mask=~encoded),
        "rows": pa.array(rng.choice([480, 600, 768], count), pa.int32(), mask=~encoded),
        "columns": pa.array(rng.choice([640, 800, 1024], count), pa.int32(), mask=~encoded),
        "manufacturer": pa.array(["one", "two", "three"]).take(
            pa.array(rng.integers(0, 3, count), mask=~encoded)
        ),
    }
    fields = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in VIDEO
    ]
    offsets = pa.array(np.concatenate([[0], np.cumsum(videos)]), pa.int32())
    rows = len(keys)
    return whole(
        ENCODINGS,
        {
            "study_id": keys, "study_key": keys, "status": repeated("complete", rows),
            "study_kind": repeated("unknown", rows),
            "videos": pa.ListArray.from_arrays(
                offsets, pa.StructArray.from_arrays(fields, fields=list(VIDEO))
            ),
        },
        rows,
    )  # fmt: skip


def interpreted_rows(
    rng: np.random.Generator,
    schema: pa.Schema,
    keys: pa.Array,
    videos: NDArray[np.int64],
    phenotypes: list[str],
    called: list[str],
    stamp: int,
) -> pa.Table:
    """Rows of the interpretations table: shares of 50 neighbours, a few not assessable."""
    rows = len(keys)
    columns: dict[str, Any] = {
        "study_id": keys, "study_key": keys, "videos": pa.array(videos, pa.int32()),
        "videos_encoded": pa.array(videos - 1, pa.int32()),
        "encoded_at": pa.array(np.full(rows, 1000 * stamp), pa.timestamp("us", tz="UTC")),
        "calls_calibrated": pa.array(np.zeros(rows, np.bool_)),
        "report": repeated("Left Ventricle: drawn. [SEP]", rows),
        "notice": repeated("drawn: for a benchmark", rows),
    }  # fmt: skip
    for name in phenotypes:
        values = (
            rng.normal(55, 10, rows)
            if name in phenotypes[:2]
            else rng.binomial(50, rng.beta(1, 4, rows)) / 50
        )
        unknown = rng.random(rows) < 0.05
        columns[name] = pa.array(values, mask=unknown)
        if name in called:
            columns[f"{name}_call"] = pa.array(values >= 0.3, mask=unknown)
    return whole(schema, columns, rows)


def whole(schema: pa.Schema, columns: dict[str, Any], rows: int) -> pa.Table:
    """The other columns empty, zero or "drawn"."""
    arrays = []
    for field in schema:
        if field.name in columns:
            arrays.append(columns[field.name].cast(field.type))
        elif pa.types.is_list(field.type):
            arrays.append(pa.array([[]] * rows, field.type))
        elif field.nullable:
            arrays.append(pa.nulls(rows, field.type))
        else:
            value: Any = "drawn" if pa.types.is_string(field.type) else 0
            arrays.append(pa.array([value] * rows, pa.string() if value else pa.int64()).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def repeated(text: str, rows: int) -> pa.Array:
    """One text in every row."""
    return pa.array([text]).take(pa.array(np.zeros(rows, np.int64)))


def draw_cohort(file: Path, studies: int) -> None:
    """Two thirds of the patients have one study; a hundredth of the rows joins nothing."""
    rng = np.random.default_rng(1)
    ids = np.arange(studies) + studies // 100
    patients = np.where(
        rng.random(studies) < 0.5, ids, rng.integers(0, max(studies // 4, 1), studies) + 2 * studies
    )
    days = np.datetime64("2015-01-01") + rng.integers(0, 3650, studies)
    hand = rng.normal(55, 10, studies)
    table = pa.table(
        {
            "study_id": [f"{number:09d}" for number in ids.tolist()],
            "patient_id": [f"P{number:09d}" for number in patients.tolist()],
            "age": rng.integers(18, 95, studies),
            "sex": pa.array(["F", "M"]).take(pa.array(rng.integers(0, 2, studies))),
            "site": pa.array([f"site {name}" for name in "ABCDEF"]).take(
                pa.array(rng.integers(0, 6, studies))
            ),
            "device": pa.array(["one", "two", "three"]).take(pa.array(rng.integers(0, 3, studies))),
            "date": pa.array(days),
            "ef_by_hand": pa.array(np.round(hand, 1), mask=rng.random(studies) < 0.3),
            "finding_by_hand": pa.array(rng.integers(0, 2, studies), mask=rng.random(studies) < 0.3),
        }
    )
    pyarrow.csv.write_csv(table, file)


def main() -> None:
    """Draw, run the job in a child process, say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument(
        "--keep", type=Path, help="folder for the drawn tables; they are taken again if there"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        output, cohort = folder / "out", folder / "cohort.csv"
        if not cohort.exists():
            output.mkdir(parents=True, exist_ok=True)
            draw_tables(output, asked.studies)
            draw_cohort(cohort, asked.studies)
        started = time.perf_counter()
        answer = subprocess.run(
            [sys.executable, "-c", JOB, str(output), str(cohort)], capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - started
        if answer.returncode:
            raise SystemExit(answer.stderr)
        found = json.loads(answer.stdout.splitlines()[-1])
        facts = json.loads((output / "populations" / "default" / "population.json").read_text())
    children = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(
        heading(__doc__, ["duckdb", "pandas", "pyarrow", "scipy", "statsmodels", "scikit-learn", "tableone"])
    )
    print(
        f"{asked.studies:,} studies, {facts['studies']:,} of them analysed, {facts['patients']:,} patients.\n"
    )
    print("| stage | seconds |\n|---|---:|")
    for stage, seconds in facts["seconds"].items():
        print(f"| {stage} | {seconds:.1f} |")
    print(f"| whole process, page and start included | {wall:.1f} |")
    print(f"\nPeak memory {max(children, found['bytes']) / 2**30:.2f} GiB.")
    print(f"Asked for at 1,000,000: under {60 * MINUTES} seconds and {MEMORY_GB} GB.")


if __name__ == "__main__":
    main()
