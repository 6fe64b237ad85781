"""What rows of the encode job say of the work behind them: seconds, bytes, outcomes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from operators.rows import clip_counts

STAGE_SECONDS = ("read", "encode", "classify")
"""Clocks that the rows carry; "fetch", the waiting for bytes, is a part of "read"."""


def seconds_of(batch: pa.Table) -> dict[str, float]:
    """Seconds of each part of the work on a batch."""
    return {stage: float(pc.sum(batch[f"{stage}_seconds"]).as_py()) for stage in ("fetch", *STAGE_SECONDS)}


def bytes_of(batch: pa.Table) -> int:
    """Bytes of a batch's videos, as the manifest has them."""
    return int(pc.sum(batch["videos"].combine_chunks().flatten().field("size")).as_py() or 0)


def videos_of(batch: pa.Table) -> dict[str, int]:
    """What came of a batch's videos: clips, and videos that were skipped or failed."""
    outcomes = [video["outcome"] for videos in batch["videos"].to_pylist() for video in videos]
    return {
        "clips": int(sum(counts.sum() for counts in clip_counts(batch))),
        "skipped": outcomes.count("skipped"),
        "failed": outcomes.count("failed"),
    }
