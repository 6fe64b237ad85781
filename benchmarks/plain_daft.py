"""The encode job written plainly for Daft, with this project's own functions: what `daft_job` times.

    python benchmarks/plain_daft.py MANIFEST BUNDLE OUTPUT READERS ENCODERS

Daft fetches the files and hands their bytes on; a file that cannot be read is a row with its reason. Clips go
in small batches through actors that have both networks, so that nothing but numbers leaves them. One Parquet
row a study comes out. It needs an environment of Daft's own, see `daft_job`.
"""

from __future__ import annotations

import sys
from typing import Any

import daft
import numpy as np
from daft import DataType, Series, col

from echoprime.archive import open_manifest
from echoprime.bundle import open_bundle
from echoprime.networks import keep_freed_memory, load_encoder, load_view_classifier, selfcheck, softmax
from echoprime.reading import ClipReader
from echoprime.storage import Location

VIDEOS_TOGETHER = 4
"""In one batch. Daft's own would put all into one actor; larger ones leave an actor idle at the end, and on
cores each clip is computed alone."""

CLIP = DataType.struct(
    {
        "clip": DataType.tensor(DataType.uint8(), (16, 224, 224, 3)),
        "used": DataType.int64(),
        "outcome": DataType.string(),
        "reason": DataType.string(),
    }
)
NUMBERS = DataType.struct(
    {
        "embedding": DataType.list(DataType.float32()),
        "view": DataType.int64(),
        "probabilities": DataType.list(DataType.float32()),
    }
)


class Read:
    """Bytes to clips, decoded in a child process as the job does: no file may end the work."""

    def __init__(self) -> None:
        self._reader = ClipReader()

    @daft.method.batch(return_dtype=CLIP, unnest=True, batch_size=VIDEOS_TOGETHER)
    def read(self, data: Series) -> list[dict[str, Any]]:
        """One video a row."""
        rows = []
        for raw in data.to_pylist():
            reading = self._reader.read(raw)
            clip, error = reading.clip, reading.error
            rows.append(
                {
                    "clip": clip.frames if clip else None,
                    "used": clip.used if clip else None,
                    "outcome": reading.outcome,
                    "reason": str(error.reason) if error else "",
                }
            )
        return rows


class Encode:
    """Both networks: loaded once an actor, and checked as the job's are."""

    def __init__(self, bundle: str) -> None:
        import torch

        torch.set_num_threads(1)
        keep_freed_memory()
        opened = open_bundle(bundle)
        self._encoder, self._classifier = load_encoder(opened, "cpu"), load_view_classifier(opened, "cpu")
        selfcheck.check(opened, self._encoder, self._classifier)

    @daft.method.batch(return_dtype=NUMBERS, batch_size=VIDEOS_TOGETHER)
    def encode(self, clip: Series, used: Series) -> list[dict[str, Any] | None]:
        """One clip a row; None where there is none."""
        clips, counts = clip.to_pylist(), used.to_pylist()
        there = [number for number, each in enumerate(clips) if each is not None]
        rows: list[dict[str, Any] | None] = [None] * len(clips)
        if not there:
            return rows
        stack = np.stack([clips[number] for number in there])
        embeddings = self._encoder.embed(stack, [counts[number] for number in there])
        logits = self._classifier.logits(np.ascontiguousarray(stack[:, 0]))
        probabilities = softmax(logits)
        for place, number in enumerate(there):
            rows[number] = {
                "embedding": embeddings[place].tolist(),
                "view": int(logits[place].argmax()),
                "probabilities": probabilities[place].tolist(),
            }
        return rows


def main(manifest: str, bundle: str, output: str, readers: int, encoders: int) -> None:
    """List, fetch, read, encode, group by study, write."""
    daft.set_runner_native()
    root = open_manifest(Location.parse(manifest)).root
    read = daft.cls(Read, max_concurrency=readers, use_process=False)()
    encode = daft.cls(Encode, max_concurrency=encoders, use_process=True)(bundle)
    videos = (
        daft.read_parquet(manifest)
        .select("study_id", "path")
        .into_batches(VIDEOS_TOGETHER)
        .with_column("data", daft.functions.download(daft.lit(f"{root}/") + col("path")))
        .select("study_id", "path", read.read(col("data")))
        .with_column("numbers", encode.encode(col("clip"), col("used")))
        .exclude("clip")
    )
    columns = [col(name).list_agg() for name in ("path", "outcome", "reason", "used", "numbers")]
    videos.groupby("study_id").agg(*columns).write_parquet(output)


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))
