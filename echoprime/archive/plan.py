"""Manifest -> the studies that are to be encoded: minus what is done, large ones in parts.

planning = plan_studies(open_manifest(place), done=KnownStudies(table.keys()))
plan = write_plan(planning, run.directory / "plan", root=manifest.root)
planning.counts.done, planning.counts.changed
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TypeAlias

from echoprime.archive.known import KnownStudies, State
from echoprime.archive.manifest_file import Manifest
from echoprime.archive.same_files import files_key
from echoprime.archive.study_facts import StudyFacts
from echoprime.errors import ArchiveError
from echoprime.storage import canonical_hash, leads_out
from echoprime.tables import Withdrawn

VIDEOS_PER_PART = 32
"""Videos of one row of the plan: 77 MB of clips, whatever the size of the study."""

Video: TypeAlias = "tuple[str, int, str]"
"""Path, size, token."""


@dataclass(frozen=True, slots=True)
class PlannedStudy:
    """One study, or one part of a large one.

    Attributes
    ----------
    study_id, study_key, patient_id, acquired_at, study_kind
        Of the study: equal in all its parts; the last three are its videos' first known.
    part, parts
        This part, from 0, of so many.
    videos
        At most `videos_per_part`, sorted by path; the parts follow one another.
    """

    study_id: str
    study_key: str
    patient_id: str | None
    acquired_at: datetime | None
    study_kind: str | None
    part: int
    parts: int
    videos: tuple[Video, ...]


@dataclass(slots=True)
class PlanCounts:
    """Studies of the manifest by how they stand to the table.

    Attributes
    ----------
    new, changed, again, done, returned
        Not in the table; other content; incomplete; nothing to do; nothing to do, and in the archive again
        after it had vanished. The first three are planned.
    studies, videos
        Planned.
    selected
        Of the manifest, after `studies` and `limit`.
    not_found
        Studies of the list that the manifest does not have.
    withdrawn
        Of the manifest (of the list, if there is one), withdrawn from the output: never planned.
    vanished
        In the table, no longer in the manifest; None with a selection, where a list says what is listed, or
        where `done` holds keys alone.
    """

    new: int = 0
    changed: int = 0
    again: int = 0
    done: int = 0
    returned: int = 0
    studies: int = 0
    videos: int = 0
    selected: int = 0
    not_found: int = 0
    withdrawn: int = 0
    vanished: int | None = None


def study_key(study_id: str, videos: Collection[Video]) -> str:
    """A study's content as one hash, whatever order its videos come in.

    Parameters
    ----------
    study_id
        Its id.
    videos
        (path, size, token) of each.

    Examples
    --------
    >>> a, b = ("a.dcm", 1, "t"), ("b.dcm", 2, "u")
    >>> study_key("s", [a, b]) == study_key("s", [b, a])
    True
    >>> study_key("s", [a]) == study_key("r", [a])
    False
    """
    return canonical_hash({"study_id": study_id, "videos": [list(video) for video in sorted(videos)]})


class Planning(Iterator[PlannedStudy]):
    """The stream of planned studies; `counts` is complete when it is exhausted."""

    def __init__(self, stream: Iterator[PlannedStudy], counts: PlanCounts) -> None:
        self._stream = stream
        self.counts = counts

    def __next__(self) -> PlannedStudy:
        return next(self._stream)


def plan_studies(
    manifest: Manifest,
    *,
    done: Container[str] = frozenset(),
    facts: StudyFacts | None = None,
    studies: Collection[str] | None = None,
    limit: int | None = None,
    withdrawn: Withdrawn | None = None,
    videos_per_part: int = VIDEOS_PER_PART,
) -> Planning:
    """Walk a manifest and plan every study that is not done; never holds more than one study.

    Parameters
    ----------
    manifest
        Opened manifest.
    done
        Study keys that need nothing; `KnownStudies` also tells new from changed.
    facts
        Compares patient, time and kind of the studies that need nothing.
    studies
        Only these; without it all.
    limit
        Only the first so many of them, done or not: a second run with the same limit finds nothing to do.
    withdrawn
        Studies and patients that the output must not have.
    videos_per_part
        Larger studies come in several parts of at most this.

    Raises
    ------
    ArchiveError
        While it is walked: the manifest is not sorted, or a path leads out of the archive.
    """
    counts = PlanCounts()
    chosen = None if studies is None else frozenset(studies)
    stream = _stream(manifest, done, facts, chosen, limit, withdrawn, videos_per_part, counts)
    return Planning(stream, counts)


def _stream(
    manifest: Manifest,
    done: Container[str],
    facts: StudyFacts | None,
    chosen: frozenset[str] | None,
    limit: int | None,
    withdrawn: Withdrawn | None,
    videos_per_part: int,
    counts: PlanCounts,
) -> Iterator[PlannedStudy]:
    for study_id, rows in groupby(_rows(manifest), key=lambda row: row[0]):
        if limit is not None and counts.selected >= limit:
            break
        if chosen is not None and study_id not in chosen:
            continue
        whole = list(rows)
        if withdrawn and any(withdrawn.names(study_id, patient) for patient in {row[4] for row in whole}):
            counts.withdrawn += 1
            continue
        counts.selected += 1
        videos = [(row[1], row[2], row[3]) for row in whole]
        key = study_key(study_id, videos)
        state = _state(done, study_id, key, videos)
        setattr(counts, state, getattr(counts, state) + 1)
        patient = next((row[4] for row in whole if row[4] is not None), None)
        acquired = next((row[5] for row in whole if row[5] is not None), None)
        kind = next((row[6] for row in whole if row[6] is not None), None)
        if state in ("done", "returned"):
            if facts is not None:
                facts.compare(study_id, patient, acquired, kind)
            continue
        counts.studies += 1
        counts.videos += len(videos)
        parts = range(0, len(videos), videos_per_part)
        for number, begin in enumerate(parts):
            part = tuple(videos[begin : begin + videos_per_part])
            yield PlannedStudy(study_id, key, patient, acquired, kind, number, len(parts), part)
    if chosen is not None and limit is None:
        counts.not_found = len(chosen) - counts.selected - counts.withdrawn
    all_listed = chosen is None and limit is None and manifest.study_from in ("folder", "dicom")
    if all_listed and isinstance(done, KnownStudies):
        counts.vanished = done.unseen


def _state(done: Container[str], study_id: str, key: str, videos: list[Video]) -> State:
    if not isinstance(done, KnownStudies):
        return "done" if key in done else "new"
    files = files_key(study_id, [video[:2] for video in videos]) if done.compares_files else None
    return done.state(study_id, key, files)


def _rows(
    manifest: Manifest,
) -> Iterator[tuple[str, str, int, str, str | None, datetime | None, str | None]]:
    """Rows as tuples, checked to be in order: only then are a study's rows together."""
    last = ("", "")
    for batch in manifest.batches():
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            place = (row[0], row[1])
            if place <= last and last != ("", ""):
                raise ArchiveError(
                    f"manifest {manifest.location}: not sorted by study_id and path, or a path stands twice; "
                    "make it again with `echoprime manifest`"
                )
            if leads_out(row[1]):
                raise ArchiveError(
                    f"manifest {manifest.location}: has a path that leads out of the archive; "
                    "make it again with `echoprime manifest`"
                )
            last = place
            yield row
