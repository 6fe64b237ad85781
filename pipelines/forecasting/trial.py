"""A sample of videos through the job's own stages, on this machine and without Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from echoprime.archive import PlannedStudy, write_plan
from echoprime.bundle import Bundle
from echoprime.reading import Limits, Mode
from echoprime.storage import Location
from operators.classify_views import ClassifyViews
from operators.encode_videos import EncodeVideos
from operators.read_clips import ReadClips
from operators.rows import CLIPS_PER_ROW, clip_counts
from pipelines.assembly import StudyAssembler

MOST_CLIPS = 32
"""Clips that go through the networks, and some more: their seconds differ little, and each is 2.4 MB."""


class SampledVideo(NamedTuple):
    """One video of the sample."""

    study_id: str
    path: str
    size: int
    token: str


@dataclass(kw_only=True)
class Trial:
    """What came of a sample.

    Attributes
    ----------
    outcomes
        (outcome, reason) of each video that was read.
    studies
        Of which study each of them is, as a number.
    read_seconds, fetch_seconds
        Of each of them: reading and decoding, and the part of it that bytes were waited for.
    clip_studies
        Of which study each video that went through the networks is.
    clips
        Of each of those videos.
    encode_seconds, classify_seconds
        Of each of those videos, for all of its clips.
    load_seconds
        Until the networks were loaded and had reproduced the bundle's sample.
    clip_bytes, other_bytes
        Bytes of a table's row for one video, encoded or not.
    """

    outcomes: list[tuple[str, str]] = field(default_factory=list)
    studies: list[int] = field(default_factory=list)
    read_seconds: list[float] = field(default_factory=list)
    fetch_seconds: list[float] = field(default_factory=list)
    clip_studies: list[int] = field(default_factory=list)
    clips: list[int] = field(default_factory=list)
    encode_seconds: list[float] = field(default_factory=list)
    classify_seconds: list[float] = field(default_factory=list)
    load_seconds: float = 0.0
    clip_bytes: float = 0.0
    other_bytes: float = 0.0


def try_sample(
    sample: Sequence[SampledVideo],
    root: Location,
    bundle: Bundle,
    *,
    device: str,
    precision: str,
    mode: Mode,
    clips_per_video: int,
    limits: Limits,
    read_seconds: float,
    seconds: float,
    networks_share: float = 0.5,
    at_once: int = 1,
) -> Trial:
    """Read a sample's videos in their order and send those of the first clips through the networks.

    Parameters
    ----------
    sample
        In random order: what does not fit the time is left out from its end.
    root
        The archive.
    bundle, device, precision, mode, clips_per_video, limits, read_seconds
        As the job has them.
    seconds
        That the trial may take; loading the networks and the first video and clip are not counted.
    networks_share
        Of these seconds; reading gets the rest.
    at_once
        Threads that compute clips on cores: as many as the job's encoders, so that what they take from each
        other - memory, caches, the two halves of one core - is in the seconds.

    Raises
    ------
    UserError
        The device does not reproduce the bundle's sample, or lacks the precision.
    """
    trial = Trial()
    job = ReadingJob(limits, mode, clips_per_video, read_seconds)
    rows = _read(sample, root, job, seconds * (1 - networks_share), trial)
    together = CLIPS_PER_ROW // clips_per_video if device == "cuda" else 1
    networks = Networks(bundle, device, precision, at_once, together)
    _encode(rows, networks, seconds * networks_share, trial)
    return trial


class ReadingJob(NamedTuple):
    """How videos are read."""

    limits: Limits
    mode: Mode
    clips_per_video: int
    read_seconds: float


class Networks(NamedTuple):
    """With what clips are encoded."""

    bundle: Bundle
    device: str
    precision: str
    at_once: int
    together: int


def _read(
    sample: Sequence[SampledVideo], root: Location, job: ReadingJob, seconds: float, trial: Trial
) -> list[pa.Table]:
    """Rows of at most `MOST_CLIPS` clips, and of the videos that gave none."""
    codes = {study: code for code, study in enumerate(dict.fromkeys(video.study_id for video in sample))}
    rows: list[pa.Table] = []
    clips = 0
    with TemporaryDirectory(prefix="echoprime-plan-") as scratch:
        planned = (
            PlannedStudy(str(n), str(n), None, None, None, 0, 1, ((video.path, video.size, video.token),))
            for n, video in enumerate(sample)
        )
        plan = write_plan(planned, Location.parse(scratch), root=root)
        longest = min(job.read_seconds, seconds)
        reader = ReadClips(plan.location, plan.root, job.limits, job.mode, job.clips_per_video, longest)
        ends = time.monotonic() + seconds
        for row in reader({"id": np.arange(plan.chunks)}):
            (video,) = row["videos"][0].as_py()
            trial.outcomes.append((video["outcome"], video["reason"]))
            trial.studies.append(codes[sample[int(row["study_id"][0].as_py())].study_id])
            trial.read_seconds.append(row["read_seconds"][0].as_py())
            trial.fetch_seconds.append(row["fetch_seconds"][0].as_py())
            encoded = video["outcome"] == "encoded"
            if not encoded or clips < MOST_CLIPS:
                rows.append(row)
                clips += int(clip_counts(row)[0].sum())
            if time.monotonic() >= ends:
                break
        reader.close()
    return rows


def _encode(rows: list[pa.Table], networks: Networks, seconds: float, trial: Trial) -> None:
    """Rows through the networks, as many together as the job's own blocks hold; on cores one by one."""
    bundle, device, precision, at_once, together = networks
    encode, classify = EncodeVideos(bundle, device, precision), ClassifyViews(bundle, device, precision)
    assembler = StudyAssembler(bundle.views, "", "")
    others = [row for row in rows if row["videos"][0].as_py()[0]["outcome"] != "encoded"]
    clips = [row for row in rows if row["videos"][0].as_py()[0]["outcome"] == "encoded"]
    batches = [pa.concat_tables(clips[at : at + together]) for at in range(0, len(clips), together)]
    for batch in _through(lambda rows: classify(encode(rows)), batches, seconds, at_once, trial):
        trial.encode_seconds += batch["encode_seconds"].to_pylist()
        trial.classify_seconds += batch["classify_seconds"].to_pylist()
        trial.clips += [int(counts.sum()) for counts in clip_counts(batch)]
        trial.clip_studies += [trial.studies[int(name)] for name in batch["study_id"].to_pylist()]
        assembler.add(batch)
    if assembler.ready:
        trial.clip_bytes = _written(assembler.take()) / len(trial.clip_studies)
    if others:
        assembler.add(classify(encode(pa.concat_tables(others))))
        trial.other_bytes = _written(assembler.take()) / len(others)


def _through(
    compute: Callable[[pa.Table], pa.Table],
    batches: list[pa.Table],
    seconds: float,
    at_once: int,
    trial: Trial,
) -> Iterator[pa.Table]:
    """The first batch alone, which loads the networks; then the others, several at once, in time."""
    if not batches:
        return
    began = time.perf_counter()
    first = compute(batches[0])
    spent = first["encode_seconds"].to_pylist() + first["classify_seconds"].to_pylist()
    trial.load_seconds = time.perf_counter() - began - sum(spent)
    ends = time.monotonic() + seconds

    def in_time(batch: pa.Table) -> pa.Table | None:
        return compute(batch) if time.monotonic() < ends else None

    # each thread is told: torch keeps the number of its own threads for each thread that asks
    with ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as threads:
        done = [batch for batch in threads.map(in_time, batches[1:]) if batch is not None]
    # what was computed beside nothing else is kept only where there is nothing else
    yield from done if len(done) >= at_once > 1 else [first, *done]


def _written(rows: pa.Table) -> int:
    """Bytes of rows as a table's files have them; the footer, which many rows share, is left out."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    groups = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    return sum(
        groups.row_group(group).column(column).total_compressed_size
        for group in range(groups.num_row_groups)
        for column in range(groups.num_columns)
    )
