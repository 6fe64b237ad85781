"""ClassifyViews: first frames -> views and their probabilities. A pool on a quarter of a GPU, or on cores."""

from __future__ import annotations

import time
from functools import cached_property

import numpy as np
import pyarrow as pa
import torch

from echoprime.bundle import Bundle
from echoprime.networks import (
    ViewClassifier,
    keep_freed_memory,
    load_view_classifier,
    selfcheck,
    softmax,
)
from operators.rows import CLASSIFIED, STUDY_COLUMNS, arrays_of, packed, split_rows

FRAME = (224, 224, 3)


class ClassifyViews:
    """Loads the view classifier, checks it against the bundle's sample before the first rows, classifies.

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
        torch.set_num_threads(1)
        keep_freed_memory()
        self._bundle = bundle
        self._device = device
        self._precision = precision

    @cached_property
    def _classifier(self) -> ViewClassifier:
        """Loaded and checked by the first rows: their error ends the job in one line, a constructor's not."""
        network = load_view_classifier(self._bundle, self._device, precision=self._precision)
        selfcheck.check(self._bundle, classifier=network)
        return network

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Rows of `EMBEDDED` -> rows of `CLASSIFIED`.

        Raises
        ------
        BundleError
            At the first call: this device does not reproduce the bundle's sample logits.
        SettingError
            At the first call: this node does not have the precision.
        """
        network = self._classifier
        started = time.perf_counter()
        frames = arrays_of(batch["first_frames"], "uint8", FRAME)
        counts = [len(part) for part in frames]
        logits = network.logits(np.concatenate(frames))
        views = [part.argmax(axis=1) for part in split_rows(logits, counts)]
        probabilities = split_rows(softmax(logits), counts)
        seconds = time.perf_counter() - started
        table = batch.select([field.name for field in STUDY_COLUMNS])
        for name, column in {
            "embeddings": batch["embeddings"],
            "views": pa.array(views, pa.list_(pa.int32())),
            "view_probabilities": packed(probabilities),
            "fetch_seconds": batch["fetch_seconds"],
            "read_seconds": batch["read_seconds"],
            "encode_seconds": batch["encode_seconds"],
            "classify_seconds": pa.array(np.full(len(batch), seconds / len(batch))),
        }.items():
            table = table.append_column(CLASSIFIED.field(name), column)
        return table
