"""The rows that travel between the stages of the encode job, and how their arrays are packed.

A row is a part of a study: up to `CLIPS_PER_ROW` videos and clips, in the order of their paths. Arrays travel
as raw bytes in `large_binary` columns: they are read back as views of Ray's shared memory, without a copy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoprime.tables.schema import TIMESTAMP, VIDEO

CLIPS_PER_ROW = 8
"""In one row at most, and videos: 19 MB. Whole studies in a row made small object stores spill."""

STUDY_COLUMNS = [
    pa.field("study_id", pa.string()),
    pa.field("study_key", pa.string()),
    pa.field("patient_id", pa.string()),
    pa.field("acquired_at", TIMESTAMP),
    pa.field("study_kind", pa.string()),  # null = no list says it
    pa.field("part", pa.int32()),  # of the plan, from 0: large studies have several
    pa.field("parts", pa.int32()),
    pa.field("first", pa.int32()),  # position in its part of the row's first video
    pa.field("of", pa.int32()),  # videos in the part
    pa.field("videos", pa.list_(VIDEO)),
    pa.field("starts", pa.list_(pa.list_(pa.int32()))),  # of each encoded video, first frame of each clip
]
"""What every row carries: whose part it is, one outcome for each of its videos, where their clips begin."""

CLIPS = pa.schema(
    [
        *STUDY_COLUMNS,
        pa.field("clips", pa.large_binary()),  # uint8 (clips of all videos, 16, 224, 224, 3)
        pa.field("fetch_seconds", pa.float64()),  # of the next: waiting for bytes
        pa.field("read_seconds", pa.float64()),
    ]
)
"""Out of ReadClips."""

EMBEDDED = pa.schema(
    [
        *STUDY_COLUMNS,
        pa.field("first_frames", pa.large_binary()),  # uint8 (encoded videos, 224, 224, 3)
        pa.field("embeddings", pa.large_binary()),  # float32 (clips of all videos, 512)
        pa.field("fetch_seconds", pa.float64()),
        pa.field("read_seconds", pa.float64()),
        pa.field("encode_seconds", pa.float64()),
    ]
)
"""Out of EncodeVideos: data only shrink on their way."""

CLASSIFIED = pa.schema(
    [
        *STUDY_COLUMNS,
        pa.field("embeddings", pa.large_binary()),  # float32 (clips of all videos, 512)
        pa.field("views", pa.list_(pa.int32())),  # position among the bundle's 11 views
        pa.field("view_probabilities", pa.large_binary()),  # float32 (encoded videos, 11)
        pa.field("fetch_seconds", pa.float64()),
        pa.field("read_seconds", pa.float64()),
        pa.field("encode_seconds", pa.float64()),
        pa.field("classify_seconds", pa.float64()),
    ]
)
"""Out of ClassifyViews."""


def clip_counts(batch: pa.Table) -> list[np.ndarray]:
    """Clips of each encoded video, int64 (encoded videos,) a row.

    Examples
    --------
    >>> column = pa.array([[[0], [0, 30, 61]], []], pa.list_(pa.list_(pa.int32())))
    >>> [counts.tolist() for counts in clip_counts(pa.table({"starts": column}))]
    [[1, 3], []]
    """
    starts = batch["starts"].combine_chunks()
    counts = np.asarray(pc.list_value_length(starts.flatten()), np.int64)
    return split_rows(counts, np.asarray(pc.list_value_length(starts)).tolist())


def array_of(column: pa.ChunkedArray, row: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """One row's array, a read-only view: (videos, *shape)."""
    return np.frombuffer(column[row].as_buffer(), dtype=dtype).reshape(-1, *shape)


def arrays_of(column: pa.ChunkedArray, dtype: str, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Every row's array, see `array_of`."""
    return [array_of(column, row, dtype, shape) for row in range(len(column))]


def packed(arrays: Sequence[np.ndarray]) -> pa.Array:
    """Arrays as a `large_binary` column.

    Examples
    --------
    >>> column = pa.chunked_array([packed([np.arange(6, dtype="float32").reshape(2, 3)])])
    >>> array_of(column, 0, "float32", (3,)).tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    # By buffers: pa.array() copies, and never lets go of a memoryview that it was given.
    raw = [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays]
    ends = np.cumsum([0, *(len(each) for each in raw)], dtype=np.int64)
    content = raw[0] if len(raw) == 1 else np.concatenate([np.empty(0, np.uint8), *raw])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.large_binary(), len(raw), buffers)


def split_rows(stacked: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
    """A stack of videos, cut back into its rows.

    Examples
    --------
    >>> [part.tolist() for part in split_rows(np.arange(3), [1, 0, 2])]
    [[0], [], [1, 2]]
    """
    ends = np.cumsum(counts)
    return [stacked[end - count : end] for end, count in zip(ends, counts, strict=True)]
