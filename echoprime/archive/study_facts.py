"""What a table says of its studies beside their content, compared with what a manifest says of them now.

Patient, time and kind of study are no part of a study's key: a list that has learnt one of them must not have
every video encoded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.tables import ENCODINGS, StudyTable

FACTS = ("patient_id", "acquired_at", "study_kind")
"""Columns that are compared."""

CHANGED = pa.schema(
    [ENCODINGS.field(name).with_nullable(True) for name in ("study_id", "written_at", *FACTS)]
)
"""A row for every study of which the manifest says something else; null = it says nothing."""

BATCH = 10_000


class StudyFacts:
    """Facts of a table's studies, as hashes: 40 bytes a study.

    Parameters
    ----------
    encodings
        The table.
    """

    def __init__(self, encodings: StudyTable) -> None:
        parts: list[list[NDArray[np.uint64]]] = [[], *([] for _ in FACTS)]
        stamps: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for batch in encodings.newest_batches(["study_id", "written_at", *FACTS]):
            for kept, name in zip(parts, ("study_id", *FACTS), strict=True):
                kept.append(_hashes(batch[name].to_pylist()))
            stamps.append(batch["written_at"].cast(pa.int64()).to_numpy())
        columns = [np.concatenate([np.empty(0, np.uint64), *kept]) for kept in parts]
        order = np.argsort(columns[0], kind="stable")
        self._ids, *self._facts = (column[order] for column in columns)
        self._stamps = np.concatenate(stamps)[order]
        self._rows: list[tuple[Any, ...]] = []
        self._batches: list[pa.RecordBatch] = []

    def compare(
        self, study_id: str, patient: str | None, acquired: datetime | None, kind: str | None
    ) -> None:
        """Compare what a manifest says of a study of unchanged content; what it does not say stays."""
        said = _hashes([study_id, patient, acquired, kind])
        place = int(np.searchsorted(self._ids, said[0]))
        if place == len(self._ids) or self._ids[place] != said[0]:
            return
        if all(now in (0, facts[place]) for now, facts in zip(said[1:], self._facts, strict=True)):
            return
        self._rows.append((study_id, int(self._stamps[place]), patient, acquired, kind))
        if len(self._rows) == BATCH:
            self._flush()

    def changed(self) -> pa.Table:
        """The studies that were compared and differ, with the schema `CHANGED`."""
        self._flush()
        return pa.Table.from_batches(self._batches, CHANGED)

    def _flush(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, CHANGED, strict=True)]
            self._batches.append(pa.record_batch(arrays, schema=CHANGED))
            self._rows = []


def _hashes(values: Iterable[Any]) -> NDArray[np.uint64]:
    """One number each; 0 for None."""
    return np.array([0 if value is None else _hash(value) for value in values], np.uint64)


def _hash(value: Any) -> int:  # noqa: ANN401  # a string or a time
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
