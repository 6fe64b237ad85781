"""What a table already holds, small enough for a million studies and asked once for each."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from echoprime.tables import newest_rows

State: TypeAlias = Literal["new", "changed", "again", "done"]
"""new: not in the table; changed: other content; again: incomplete; done."""


class KnownStudies:
    """Studies of a table by the newest row of each; 33 bytes a study.

    Parameters
    ----------
    keys
        `StudyTable.keys()`: `study_id`, `study_key`, `written_at`, and `status` if the table has it.

    Examples
    --------
    >>> table = {"study_id": ["a"], "study_key": ["0" * 32], "written_at": [1]}
    >>> known = KnownStudies(pa.table(table))
    >>> "0" * 32 in known, known.state("a", "1" * 32), known.state("b", "1" * 32)
    (True, 'changed', 'new')
    """

    def __init__(self, keys: pa.Table) -> None:
        rows = newest_rows(keys)
        ids = np.fromiter(map(_digest, rows["study_id"].to_pylist()), np.uint64, rows.num_rows)
        raw = np.frombuffer(bytes.fromhex("".join(rows["study_key"].to_pylist())), "S16")
        done = np.ones(rows.num_rows, dtype=bool)
        if "status" in rows.schema.names:
            done = np.array([status != "incomplete" for status in rows["status"].to_pylist()], dtype=bool)
        order = np.argsort(ids, kind="stable")
        self._ids, self._keys, self._done = ids[order], raw[order], done[order]
        self._finished = np.sort(raw[done])

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, study_key: object) -> bool:
        """Whether a study of exactly this content is done."""
        if not isinstance(study_key, str):
            return False
        key = np.frombuffer(bytes.fromhex(study_key), "S16")[0]
        place = int(np.searchsorted(self._finished, key))
        return place < len(self._finished) and bool(self._finished[place] == key)

    def state(self, study_id: str, study_key: str) -> State:
        """How a listed study stands to the table."""
        digest = np.uint64(_digest(study_id))
        place = int(np.searchsorted(self._ids, digest))
        if place == len(self._ids) or self._ids[place] != digest:
            return "new"
        if self._keys[place] != np.frombuffer(bytes.fromhex(study_key), "S16")[0]:
            return "changed"
        return "done" if self._done[place] else "again"


def _digest(study_id: Any) -> int:  # noqa: ANN401  # a string out of Arrow
    return int.from_bytes(
        hashlib.blake2b(str(study_id).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )
