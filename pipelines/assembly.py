"""Parts of studies, in whatever order they come, -> whole rows of the encodings table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress, count
from typing import Any

import numpy as np
import pyarrow as pa

from echoprime.errors import TRANSIENT
from echoprime.interpretation.nested import lists, structs
from echoprime.reading import study_kind
from echoprime.retrieval import video_embeddings
from echoprime.tables.schema import CLIP, COMPLETE, EMBEDDING_LENGTH, INCOMPLETE, encodings
from operators.rows import array_of
from pipelines.duplicates import without_duplicates

HEADER = ("study_id", "study_key", "patient_id", "acquired_at", "study_kind")
"""What every part says of its study."""


@dataclass(frozen=True)
class _Row:
    videos: list[dict[str, Any]]
    views: list[int]
    starts: list[list[int]]
    clips: np.ndarray
    probabilities: np.ndarray


@dataclass
class StudyParts:
    """What has arrived of one study.

    Attributes
    ----------
    header
        `HEADER`.
    parts
        Parts that the plan cut the study into.
    """

    header: dict[str, Any]
    parts: int
    _rows: dict[tuple[int, int], _Row] = field(default_factory=dict)
    _missing: dict[int, int] = field(default_factory=dict)

    def add(self, part: int, first: int, of: int, row: _Row) -> None:
        """Take one row: a run of videos of one part. One that came before counts once."""
        if (part, first) not in self._rows:
            self._rows[part, first] = row
            self._missing[part] = self._missing.get(part, of) - len(row.videos)

    @property
    def whole(self) -> bool:
        """Whether every video of the study has its outcome."""
        return len(self._missing) == self.parts and not any(self._missing.values())

    @property
    def rows(self) -> list[_Row]:
        """In the order of the videos' paths."""
        return [self._rows[place] for place in sorted(self._rows)]

    @property
    def starts(self) -> list[list[int]]:
        """Of each encoded video the first frame of each clip, in the same order."""
        return [each for row in self.rows for each in row.starts]


@dataclass
class StudyAssembler:
    """Collects parts until a study is whole, and whole studies until they are taken.

    Parameters
    ----------
    views
        The bundle's 11 view names.
    encoding_id, run_id
        Written into every row.
    clips_per_video
        That were asked for; of several the rows have the clips, too.
    """

    views: tuple[str, ...]
    encoding_id: str
    run_id: str
    clips_per_video: int = 1
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    incomplete: int = 0
    _open: dict[str, StudyParts] = field(default_factory=dict)
    _whole: list[StudyParts] = field(default_factory=list)

    @property
    def ready(self) -> int:
        """Whole studies that wait to be taken."""
        return len(self._whole)

    @property
    def unfinished(self) -> int:
        """Studies of which only some parts have arrived."""
        return len(self._open)

    def add(self, batch: pa.Table) -> list[StudyParts]:
        """Take rows of `operators.rows.CLASSIFIED`; return the studies that they made whole."""
        finished = []
        columns = batch.select(
            [name for name in batch.column_names if name not in {"embeddings", "view_probabilities"}]
        ).to_pylist()
        for row, values in enumerate(columns):
            study = self._open.setdefault(
                values["study_key"],
                StudyParts(
                    header={name: values[name] for name in HEADER},
                    parts=values["parts"],
                ),
            )
            study.add(
                values["part"],
                values["first"],
                values["of"],
                _Row(
                    videos=values["videos"],
                    views=values["views"],
                    starts=values["starts"],
                    clips=array_of(batch["embeddings"], row, "float32", (EMBEDDING_LENGTH,)),
                    probabilities=array_of(batch["view_probabilities"], row, "float32", (len(self.views),)),
                ),
            )
            for stage in ("fetch", "read", "encode", "classify"):
                self.seconds[stage] += values[f"{stage}_seconds"]
            if study.whole:
                self._whole.append(self._open.pop(values["study_key"]))
                finished.append(study)
        return finished

    def take(self) -> pa.Table:
        """All whole studies as rows of `encodings` without `written_at`, which the table stamps."""
        studies, self._whole = self._whole, []
        rows, stays = [], []
        for study in studies:
            row, kept = self._row(study)
            rows.append(row)
            stays.append(kept)
        both = list(zip(studies, stays, strict=True))
        starts = [list(compress(study.starts, kept)) for study, kept in both]
        of_clips = [np.repeat(kept, [len(each) for each in study.starts]).tolist() for study, kept in both]
        clips = _stacked(studies, of_clips, "clips", EMBEDDING_LENGTH)
        probabilities = _stacked(studies, stays, "probabilities", len(self.views))
        nested = {
            "embeddings": _nested([_means(*each) for each in zip(clips, starts, strict=True)]),
            "clips": _nested_clips(clips, starts),
            "view_probabilities": _nested(probabilities),
        }
        fields = [column for column in encodings(self.clips_per_video) if column.name != "written_at"]
        return pa.table(
            [
                nested.get(column.name)
                if column.name in nested
                else pa.array([row[column.name] for row in rows], column.type)
                for column in fields
            ],
            schema=pa.schema(fields),
        )

    def _row(self, study: StudyParts) -> tuple[dict[str, Any], list[bool]]:
        """A study's row without its arrays, and which of their rows stay: those of no duplicate."""
        views = iter([self.views[view] for row in study.rows for view in row.views])
        videos, stays = without_duplicates(
            [
                {**video, "embedding": None, "view": next(views) if video["outcome"] == "encoded" else None}
                for row in study.rows
                for video in row.videos
            ]
        )
        places = count()
        for video in videos:
            if video["outcome"] == "encoded":
                video["embedding"] = next(places)
            self.outcomes[video["outcome"], video["reason"]] += 1
        incomplete = any(video["reason"] in TRANSIENT for video in videos)
        self.incomplete += incomplete
        row = {
            **study.header,
            # of every video: one that was not encoded says as well of what examination it is
            "study_kind": study_kind((video["kind"] for video in videos), study.header["study_kind"]),
            "status": INCOMPLETE if incomplete else COMPLETE,
            "videos": videos,
            "encoding_id": self.encoding_id,
            "run_id": self.run_id,
        }
        return row, stays


def _stacked(
    studies: Sequence[StudyParts], stays: Sequence[list[bool]], name: str, width: int
) -> list[np.ndarray]:
    """Each study's (videos or clips that stay, width), in the order of the videos' paths."""
    empty = np.empty((0, width), np.float32)
    return [
        np.concatenate([empty, *(getattr(row, name) for row in study.rows)])[np.array(kept, bool)]
        for study, kept in zip(studies, stays, strict=True)
    ]


def _means(clips: np.ndarray, starts: list[list[int]]) -> np.ndarray:
    """A study's clips (clips, 512) -> its videos' embeddings (videos, 512)."""
    return video_embeddings(clips, np.array([len(each) for each in starts], np.int64))


def _nested_clips(clips: list[np.ndarray], starts: list[list[list[int]]]) -> pa.Array:
    """Each study's clips and their starts as lists of videos of lists of clips."""
    stacked = np.concatenate(clips) if clips else np.empty((0, EMBEDDING_LENGTH), np.float32)
    embeddings = _nested([stacked]).flatten()
    videos = [video for study in starts for video in study]
    fields = {"start": pa.array([start for video in videos for start in video], pa.int32()),
              "embedding": embeddings}  # fmt: skip
    of_videos = lists(np.array([len(video) for video in videos], np.int64), structs(fields, CLIP), CLIP)
    return lists(np.array([len(study) for study in starts], np.int64), of_videos, of_videos.type)


def _nested(arrays: list[np.ndarray]) -> pa.Array:
    """(videos, width) arrays as `list<list<float>>`, without a Python object a number."""
    stacked = np.concatenate(arrays) if arrays else np.empty((0, 1), np.float32)
    rows, width = stacked.shape
    inner = pa.ListArray.from_arrays(
        pa.array(np.arange(rows + 1, dtype=np.int32) * width), pa.array(stacked.ravel(), pa.float32())
    )
    offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), inner)
