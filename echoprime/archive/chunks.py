"""A plan on disk: one Parquet file whose row groups are the chunks that a job hands to its readers."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.archive.plan import PlannedStudy
from echoprime.storage import Location
from echoprime.tables import TIMESTAMP
from echoprime.tables.files import group_batches

PLAN = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("study_key", pa.string(), nullable=False),
        pa.field("patient_id", pa.string()),
        pa.field("acquired_at", TIMESTAMP),
        pa.field("study_kind", pa.string()),  # null = no list says it
        pa.field("part", pa.int32(), nullable=False),  # from 0
        pa.field("parts", pa.int32(), nullable=False),
        pa.field(
            "videos",
            pa.list_(
                pa.struct([("path", pa.string()), ("size", pa.int64()), ("token", pa.string())]),
            ),
            nullable=False,
        ),  # sorted by path, below the archive's root
    ]
)
"""One row per study, or per part of a large one."""

CHUNK_VIDEOS = 64
"""Videos of a chunk: seconds of work, so that the ends of a job do not wait for one worker."""

CHUNK_ROWS = 64
"""Studies of a chunk."""

MOST_CHUNKS = 15_000
"""Ray Data's cost is per block, 30 ms; more chunks than this and its first output takes a minute."""

CHUNKS_PER_WORKER = 4
"""Aimed at in small jobs, so that all workers have work."""

FACTS = ("archive", "studies", "videos", "bytes")
"""What a plan's footer says, each as `echoprime.NAME`."""


@dataclass(frozen=True)
class Plan:
    """A written plan.

    Attributes
    ----------
    location
        Its file; picklable, for `read_chunk`.
    root
        The archive that the paths are below.
    chunks, studies, videos, bytes
        What it holds.
    """

    location: Location
    root: Location
    chunks: int
    studies: int
    videos: int
    bytes: int


def write_plan(
    planned: Iterable[PlannedStudy],
    directory: Location,
    *,
    root: Location,
    workers: int = 1,
    chunk_videos: int = CHUNK_VIDEOS,
    most_chunks: int = MOST_CHUNKS,
) -> Plan:
    """Write a plan: `directory/plan.parquet`, whole or not at all.

    Parameters
    ----------
    planned
        From `plan_studies`; walked once.
    directory
        Of the run.
    root
        The archive.
    workers
        Readers that the job will have: small jobs get chunks small enough for all of them.
    chunk_videos
        Videos of a chunk, unless that makes too many or too few chunks.
    most_chunks
        Chunks grow where there would be more.
    """
    location = directory / "plan.parquet"
    with tempfile.TemporaryDirectory(prefix="echoprime-plan-") as folder:
        rows = Path(folder) / "rows.parquet"
        facts = {"archive": str(root), **_write_rows(planned, rows)}
        videos, count = int(facts["videos"]), int(facts["rows"])
        size = min(chunk_videos, max(1, videos // (workers * CHUNKS_PER_WORKER)))
        # closed chunks are at least half full, so twice the average keeps below the limit
        size = max(size, 2 * -(-videos // most_chunks))
        most_rows = max(CHUNK_ROWS, 2 * -(-count // most_chunks))
        target = Path(folder) / "plan.parquet"
        chunks = _write_chunks(rows, target, facts, size, most_rows)
        location.put_file(target)
    return Plan(location, root, chunks, int(facts["studies"]), videos, int(facts["bytes"]))


def _write_rows(planned: Iterable[PlannedStudy], file: Path) -> dict[str, str]:
    """All rows to a scratch file; only then is known how many chunks there will be."""
    counts = dict.fromkeys(("rows", "studies", "videos", "bytes"), 0)
    stream = iter(planned)
    with pq.ParquetWriter(file, PLAN, compression="zstd", compression_level=1) as writer:
        while batch := list(islice(stream, 2_000)):
            writer.write_table(_table(batch))
            counts["rows"] += len(batch)
            counts["studies"] += sum(study.part == 0 for study in batch)
            counts["videos"] += sum(len(study.videos) for study in batch)
            counts["bytes"] += sum(video[1] for study in batch for video in study.videos)
    return {name: str(count) for name, count in counts.items()}


def _table(batch: list[PlannedStudy]) -> pa.Table:
    """Rows as Arrow; the videos as three flat columns, five times faster than a dict for each."""
    arrays = [
        pa.array([getattr(study, name) for study in batch], PLAN.field(name).type) for name in PLAN.names[:-1]
    ]
    videos = [video for study in batch for video in study.videos]
    struct = PLAN.field("videos").type.value_type
    columns = zip(*videos, strict=True)
    fields = [pa.array(column, field.type) for column, field in zip(columns, struct, strict=True)]
    offsets = np.cumsum([0, *(len(study.videos) for study in batch)])
    inner = pa.StructArray.from_arrays(fields, fields=list(struct))
    arrays.append(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner))
    return pa.Table.from_arrays(arrays, schema=PLAN)


def _write_chunks(rows: Path, target: Path, facts: Mapping[str, str], size: int, most_rows: int) -> int:
    # no statistics and no dictionaries: the footer of 15,000 row groups is read by every worker
    options = {"compression": "zstd", "write_statistics": False, "use_dictionary": False}
    chunks = 0
    with pq.ParquetWriter(target, PLAN, **options) as writer:
        for chunk in _chunks(rows, size, most_rows):
            writer.write_table(chunk, row_group_size=chunk.num_rows)
            chunks += 1
        writer.add_key_value_metadata({f"echoprime.{name}": facts[name] for name in FACTS})
    return chunks


def _chunks(rows: Path, size: int, most_rows: int) -> Iterator[pa.Table]:
    """Rows in order, cut before the one that would make a chunk too large."""
    held: list[pa.Table] = []
    held_videos = held_rows = 0
    with pq.ParquetFile(rows) as file:
        for batch in group_batches(file, 2_000):
            table = pa.Table.from_batches([batch])
            begin = 0
            for row, videos in enumerate(table["videos"].combine_chunks().value_lengths().to_pylist()):
                if held_rows and (held_videos + videos > size or held_rows == most_rows):
                    yield pa.concat_tables([*held, table.slice(begin, row - begin)]).combine_chunks()
                    held, held_videos, held_rows, begin = [], 0, 0, row
                held_videos += videos
                held_rows += 1
            held.append(table.slice(begin))
    if held_rows:
        yield pa.concat_tables(held).combine_chunks()


def open_plan(location: Location) -> Plan:
    """Open a plan that was written: `location` is its file."""
    metadata = _footer(location)
    facts = {name: metadata.metadata[f"echoprime.{name}".encode()].decode() for name in FACTS}
    counts = [int(facts[name]) for name in ("studies", "videos", "bytes")]
    return Plan(location, Location.parse_archive(facts["archive"]), metadata.num_row_groups, *counts)


def read_chunk(location: Location, index: int) -> pa.Table:
    """Read one chunk of a plan; the plan's footer is read once a process.

    Parameters
    ----------
    location
        `Plan.location`.
    index
        Chunk, from 0.

    Returns
    -------
    pyarrow.Table
        With the schema `PLAN`.

    Raises
    ------
    IndexError
        There is no such chunk.
    """
    metadata = _footer(location)
    if not 0 <= index < metadata.num_row_groups:
        raise IndexError(f"plan {location}: {metadata.num_row_groups} chunks, not {index + 1}")
    with pq.ParquetFile(location.path, metadata=metadata, filesystem=location.arrow_filesystem) as file:
        return file.read_row_group(index, use_threads=False)


@functools.lru_cache(maxsize=2)
def _footer(location: Location) -> pq.FileMetaData:
    with pq.ParquetFile(location.path, filesystem=location.arrow_filesystem) as file:
        return file.metadata
