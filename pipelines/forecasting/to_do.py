"""What lies in an archive and what of it a job would do, with a sample of that; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import xxhash

from echoprime.archive import (
    KnownStudies,
    Manifest,
    StratifiedSample,
    plan_studies,
    read_studies,
    studies_with_reasons,
    table_files,
)
from echoprime.errors import SettingError
from echoprime.storage import Location
from echoprime.tables import StudyTable, Withdrawn, encodings, table_exists
from pipelines.checks import reasons_of
from pipelines.forecasting.trial import SampledVideo
from pipelines.presence import judge_presence
from pipelines.settings import EncodeSettings


@dataclass(frozen=True, kw_only=True)
class ToDo:
    """What is there and what of it is to do.

    Attributes
    ----------
    listed_studies, listed_videos
        Of the manifest.
    counts
        Studies by how they stand to the table, as `JobResult.planned`.
    studies, videos, bytes
        To do.
    duplicate_paths
        Paths that stand in the manifest more than once.
    sample
        Of the videos to do.
    """

    listed_studies: int
    listed_videos: int
    counts: dict[str, int | None]
    studies: int
    videos: int
    bytes: int
    duplicate_paths: int
    sample: list[SampledVideo]


def to_do(job: EncodeSettings, manifest: Manifest, identity: dict[str, Any], size: int, seed: int) -> ToDo:
    """Walk a manifest as the encode job does.

    Parameters
    ----------
    job
        Its settings.
    manifest
        Of the archive.
    identity
        Of the job's encodings; a table of another is refused.
    size, seed
        Of the sample.

    Raises
    ------
    SettingError
        A selection names no study of the manifest.
    TableError
        The output's table was written with other settings.
    """
    output = Location.parse(job.output)
    chosen = None if job.studies is None else read_studies(Location.parse(job.studies))
    table = known = None
    if table_exists(output / "encodings"):
        columns = encodings(job.clips_per_video)
        table = StudyTable.open(output / "encodings", columns, identity=identity, create=False)
        known = KnownStudies(
            table.keys(),
            table_files(table) if job.same_files else None,
            again=studies_with_reasons(table, reasons_of("--again", job.again)),
        )
    planning = plan_studies(
        manifest,
        done=known or frozenset(),
        studies=chosen,
        limit=job.limit,
        withdrawn=Withdrawn.read(output),
    )
    sample: StratifiedSample[SampledVideo] = StratifiedSample(size, seed)
    total = 0
    for part in planning:
        for video in part.videos:
            sample.add(SampledVideo(part.study_id, *video))
            total += video[1]
    counts = planning.counts
    if chosen is not None and not counts.selected:
        raise SettingError(f"--studies {job.studies}: none of its studies is in the manifest")
    planned: dict[str, int | None] = {field.name: getattr(counts, field.name) for field in fields(counts)}
    if table is not None:
        planned, _ = judge_presence(table, counts, output, manifest.root, job)
    return ToDo(
        listed_studies=manifest.studies,
        listed_videos=manifest.rows,
        counts=planned,
        studies=counts.studies,
        videos=counts.videos,
        bytes=total,
        duplicate_paths=listed_twice(manifest),
        sample=sample.drawn(),
    )


def listed_twice(manifest: Manifest) -> int:
    """Paths in more than one study; a walk of an archive has none, so only lists are looked at."""
    if manifest.study_from in ("folder", "dicom"):
        return 0
    hashes = np.empty(manifest.rows, np.uint64)
    place = 0
    for batch in manifest.batches(["path"]):
        for path in batch["path"].to_pylist():
            hashes[place] = xxhash.xxh3_64_intdigest(path.encode("utf-8", "surrogatepass"))
            place += 1
    return int(manifest.rows - len(np.unique(hashes)))
