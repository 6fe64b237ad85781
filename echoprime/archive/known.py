"""What a table already holds, small enough for a million studies and asked once for each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.tables import COMPLETE, INCOMPLETE, VANISHED, VANISHED_INCOMPLETE, newest_rows

State: TypeAlias = Literal["new", "changed", "again", "done", "returned"]
"""new: not in the table; changed: other content; again: incomplete, or asked for; done; returned: done,
and in the archive again after it had vanished."""

_CODES = {COMPLETE: 0, INCOMPLETE: 1, VANISHED: 2, VANISHED_INCOMPLETE: 3}
_NAMES = tuple(_CODES)
_INCOMPLETE, _GONE = 1, 2  # bits of a code


class KnownStudies:
    """Studies of a table by the newest row of each, and which of them were met; 50 bytes a study.

    Parameters
    ----------
    keys
        `StudyTable.keys()`: `study_id`, `study_key`, `written_at`, and `status` if the table has it.
    files
        (study_id, `files_key`) of the table's studies: a study whose names and sizes are those of the table
        is then the same, whatever its tokens; None = tokens count.
    again
        study_id of studies that are to be done again though they are complete, see `studies_with_reasons`.

    Examples
    --------
    >>> table = {"study_id": ["a"], "study_key": ["0" * 32], "written_at": [1]}
    >>> known = KnownStudies(pa.table(table))
    >>> "0" * 32 in known, known.state("a", "1" * 32), known.state("b", "1" * 32)
    (True, 'changed', 'new')
    """

    def __init__(
        self,
        keys: pa.Table,
        files: Iterable[tuple[str, str]] | None = None,
        again: Iterable[str] = (),
    ) -> None:
        rows = newest_rows(keys)
        ids = np.fromiter(map(_digest, rows["study_id"].to_pylist()), np.uint64, rows.num_rows)
        raw = np.frombuffer(bytes.fromhex("".join(rows["study_key"].to_pylist())), "S16")
        status = np.zeros(rows.num_rows, np.uint8)
        if "status" in rows.schema.names:
            status = np.fromiter(
                (_CODES[each] for each in rows["status"].to_pylist()), np.uint8, rows.num_rows
            )
        order = np.argsort(ids, kind="stable")
        self._rows, self._order = rows, order
        self._ids, self._keys, self._status = ids[order], raw[order], status[order]
        self._seen = np.zeros(rows.num_rows, dtype=bool)
        self._returned = np.zeros(rows.num_rows, dtype=bool)
        self._again = np.zeros(rows.num_rows, dtype=bool)
        for study_id in again:
            place = self._place(study_id)
            if place is not None:
                self._again[place] = True
        self._finished = np.sort(self._keys[(self._status & _INCOMPLETE == 0) & ~self._again])
        self._files: NDArray[np.bytes_] | None = None
        if files is not None:
            self._files = np.zeros(rows.num_rows, "S16")
            for study_id, key in files:
                place = self._place(study_id)
                if place is not None:
                    self._files[place] = bytes.fromhex(key)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, study_key: object) -> bool:
        """Whether a study of exactly this content is done."""
        if not isinstance(study_key, str):
            return False
        key = _key(study_key)
        place = int(np.searchsorted(self._finished, key))
        return place < len(self._finished) and bool(self._finished[place] == key)

    @property
    def compares_files(self) -> bool:
        """Whether names and sizes decide."""
        return self._files is not None

    def state(self, study_id: str, study_key: str, files_key: str | None = None) -> State:
        """How a listed study stands to the table; it counts as met from now on.

        Parameters
        ----------
        study_id, study_key
            Of the study as it is listed.
        files_key
            See there; needed where `compares_files`.
        """
        place = self._place(study_id)
        if place is None:
            return "new"
        self._seen[place] = True
        same = bool(self._keys[place] == _key(study_key))
        if not same and self._files is not None and files_key is not None:
            same = bool(self._files[place] == _key(files_key))
        if not same:
            return "changed"
        if self._status[place] & _INCOMPLETE or self._again[place]:
            return "again"
        self._returned[place] = bool(self._status[place] & _GONE)
        return "returned" if self._returned[place] else "done"

    @property
    def unseen(self) -> int:
        """Studies that were never asked for."""
        return int((~self._seen).sum())

    def marks(self, *, vanished: bool) -> pa.Table:
        """Rows of the table whose `status` no longer says where the study is.

        Parameters
        ----------
        vanished
            Whether studies that were never asked for are gone: the whole archive was listed.

        Returns
        -------
        pyarrow.Table
            study_id, written_at, and the status that the row should have.
        """
        status = np.where(self._returned, self._status & ~np.uint8(_GONE), self._status)
        if vanished:
            status = np.where(self._seen, status, status | np.uint8(_GONE))
        places = np.flatnonzero(status != self._status)
        rows = self._rows.select(["study_id", "written_at"]).take(pa.array(self._order[places]))
        names = pa.array([_NAMES[code] for code in status[places].tolist()], pa.string())
        return rows.append_column("status", names)

    def _place(self, study_id: str) -> int | None:
        digest = np.uint64(_digest(study_id))
        place = int(np.searchsorted(self._ids, digest))
        return place if place < len(self._ids) and self._ids[place] == digest else None


def _digest(study_id: Any) -> int:  # noqa: ANN401  # a string out of Arrow
    return int.from_bytes(
        hashlib.blake2b(str(study_id).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


def _key(text: str) -> np.bytes_:
    key: np.bytes_ = np.frombuffer(bytes.fromhex(text), "S16")[0]
    return key
