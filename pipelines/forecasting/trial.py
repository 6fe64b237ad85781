"""A sample of videos through the job's own stages, on this machine and without Ray."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.archive import PlannedStudy, write_plan
from echoprime.bundle import Bundle
from echoprime.reading import Limits, Mode
from echoprime.storage import Location
from operators.classify_views import ClassifyViews
from operators.encode_videos import EncodeVideos
from operators.read_clips import READ_SECONDS, ReadClips
from operators.rows import VIDEOS_PER_ROW
from pipelines.assembly import StudyAssembler

MOST_CLIPS = 32
"""Clips that go through the networks: their seconds differ little, and each is 2.4 MB until then."""

READING_SHARE = 0.5
"""Of the trial's seconds; the networks get the rest, and one clip whatever it takes."""


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
        Of which study each clip that went through the networks is.
    encode_seconds, classify_seconds
        Of each of those clips.
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
    limits: Limits,
    seconds: float,
) -> Trial:
    """Read a sample's videos in their order and send the first clips through the networks.

    Parameters
    ----------
    sample
        In random order: what does not fit the time is left out from its end.
    root
        The archive.
    bundle, device, precision, mode, limits
        As the job has them.
    seconds
        That the trial may take; loading the networks and the first video and clip are not counted.

    Raises
    ------
    UserError
        The device does not reproduce the bundle's sample, or lacks the precision.
    """
    trial = Trial()
    rows = _read(sample, root, ReadingJob(limits, mode), seconds * READING_SHARE, trial)
    _encode(rows, bundle, device, precision, seconds * (1 - READING_SHARE), trial)
    return trial


class ReadingJob(NamedTuple):
    """How videos are read."""

    limits: Limits
    mode: Mode


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
        reader = ReadClips(
            plan.location, plan.root, job.limits, job.mode, read_seconds=min(READ_SECONDS, seconds)
        )
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
                clips += encoded
            if time.monotonic() >= ends:
                break
        reader.close()
    return rows


def _encode(
    rows: list[pa.Table], bundle: Bundle, device: str, precision: str, seconds: float, trial: Trial
) -> None:
    """Rows through the networks, as many together as the job's own blocks hold; on cores one by one."""
    encode, classify = EncodeVideos(bundle, device, precision), ClassifyViews(bundle, device, precision)
    began = time.perf_counter()
    assembler = StudyAssembler(bundle.views, "", "")
    others = [row for row in rows if row["videos"][0].as_py()[0]["outcome"] != "encoded"]
    clips = [row for row in rows if row["videos"][0].as_py()[0]["outcome"] == "encoded"]
    together = VIDEOS_PER_ROW if device == "cuda" else 1
    ends = None
    for first in range(0, len(clips), together):
        batch = classify(encode(pa.concat_tables(clips[first : first + together])))
        if ends is None:
            spent = batch["encode_seconds"].to_pylist() + batch["classify_seconds"].to_pylist()
            trial.load_seconds = time.perf_counter() - began - sum(spent)
            ends = time.monotonic() + seconds
        trial.encode_seconds += batch["encode_seconds"].to_pylist()
        trial.classify_seconds += batch["classify_seconds"].to_pylist()
        trial.clip_studies += [trial.studies[int(name)] for name in batch["study_id"].to_pylist()]
        assembler.add(batch)
        if time.monotonic() >= ends:
            break
    if assembler.ready:
        trial.clip_bytes = _written(assembler.take()) / len(trial.clip_studies)
    if others:
        assembler.add(classify(encode(pa.concat_tables(others))))
        trial.other_bytes = _written(assembler.take()) / len(others)


def _written(rows: pa.Table) -> int:
    """Bytes of rows as a table's files have them."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    return len(sink.getvalue())
