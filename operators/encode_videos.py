"""EncodeVideos: clips -> embeddings. A GPU actor pool, or actors on cores.

Hands on only the first frame of each video's first clip, which is all that the view classifier needs.
"""

from __future__ import annotations

import time
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa
import torch

from echoprime.bundle import Bundle
from echoprime.networks import VideoEncoder, keep_freed_memory, load_encoder, selfcheck
from operators.rows import EMBEDDED, STUDY_COLUMNS, arrays_of, clip_counts, packed, split_rows

FRAMES = (16, 224, 224, 3)


class EncodeVideos:
    """Loads the video encoder, checks it against the bundle's sample clip before the first rows, encodes.

    Parameters
    ----------
    bundle
        A bundle with weights.
    device
        "cuda" or "cpu".
    precision
        "float32" or "bf16"; this node must have it.
    """

    def __init__(self, bundle: Bundle, device: str, precision: str = "float32") -> None:
        torch.set_num_threads(1)  # one thread an actor: two one-thread actors beat one of two threads
        keep_freed_memory()
        self._bundle = bundle
        self._device = device
        self._precision = precision

    @cached_property
    def _encoder(self) -> VideoEncoder:
        """Loaded and checked by the first rows: their error ends the job in one line, a constructor's not."""
        network = load_encoder(self._bundle, self._device, precision=self._precision)
        selfcheck.check(self._bundle, encoder=network)
        return network

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Rows of `CLIPS` -> rows of `EMBEDDED`.

        Raises
        ------
        BundleError
            At the first call: this device does not reproduce the bundle's sample embedding.
        SettingError
            At the first call: this node does not have the precision.
        """
        network = self._encoder
        started = time.perf_counter()
        clips = arrays_of(batch["clips"], "uint8", FRAMES)
        counts = clip_counts(batch)
        # where each video's first clip stands among its row's: the others lie whole within their video
        first = [np.cumsum(of_row) - of_row for of_row in counts]
        videos = chain.from_iterable(batch["videos"].to_pylist())
        used = [video["frames_used"] for video in videos if video["outcome"] == "encoded"]
        frames_used = np.full(sum(map(len, clips)), FRAMES[0], np.int64)
        all_counts = np.concatenate(counts)
        frames_used[np.cumsum(all_counts) - all_counts] = used
        embeddings = network.embed(np.concatenate(clips), frames_used)
        seconds = time.perf_counter() - started
        table = batch.select([field.name for field in STUDY_COLUMNS])
        for name, column in {
            "first_frames": packed([part[at, 0] for part, at in zip(clips, first, strict=True)]),
            "embeddings": packed(split_rows(embeddings, [len(part) for part in clips])),
            "fetch_seconds": batch["fetch_seconds"],
            "read_seconds": batch["read_seconds"],
            "encode_seconds": pa.array(np.full(len(batch), seconds / len(batch))),
        }.items():
            table = table.append_column(EMBEDDED.field(name), column)
        return table
