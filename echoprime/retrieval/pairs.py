"""One pair of files of a candidate set: written under hidden names, in place only when both are whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.errors import BundleError

ROWS_AT_ONCE = 8192
"""Rows whose lengths are computed at once: 34 MB in float64."""


class PairWriter:
    """Writes embeddings and studies of one run of rows.

    Parameters
    ----------
    embeddings, studies
        Where the two files shall lie; `studies` appears last, so that where it is both are whole.
    rows, dimension
        Shape of the embeddings.
    """

    def __init__(self, embeddings: Path, studies: Path, rows: int, dimension: int) -> None:
        self._targets = (embeddings, studies)
        self._hidden = tuple(path.with_name(f".{path.name}.writing") for path in self._targets)
        self._matrix: NDArray[np.float32] = np.lib.format.open_memmap(
            self._hidden[0], "w+", np.float32, (rows, dimension)
        )
        self._batches: list[pa.RecordBatch] = []
        self.written = 0
        self.largest_norm = 0.0

    def append(self, embeddings: NDArray[np.float32], batch: pa.RecordBatch) -> None:
        """Add the next rows.

        Parameters
        ----------
        embeddings
            float32 (n, dimension).
        batch
            The other columns of the same n rows.

        Raises
        ------
        BundleError
            When a value is not finite, with the row's place in this pair.
        """
        lengths = row_lengths(embeddings)
        if not np.isfinite(lengths).all():
            row = self.written + int(np.flatnonzero(~np.isfinite(lengths))[0])
            raise NotFiniteError(row)
        self._matrix[self.written : self.written + len(embeddings)] = embeddings
        self._batches.append(batch)
        self.largest_norm = max(self.largest_norm, float(lengths.max(initial=0.0)))
        self.written += len(embeddings)

    def finish(self) -> None:
        """Bring both files to the disk, read the studies back, and give both their names."""
        assert isinstance(self._matrix, np.memmap)
        self._matrix.flush()
        del self._matrix  # its pages are this process's as long as it is mapped
        table = pa.Table.from_batches(self._batches).combine_chunks()
        self._batches = []
        # One record batch a file: a row is then found by its number alone.
        with pa.OSFile(str(self._hidden[1]), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=max(1, len(table)))
        for hidden in self._hidden:
            _to_disk(hidden)
        with pa.OSFile(str(self._hidden[1])) as source:
            if not pa.ipc.open_file(source).read_all().equals(table):
                raise BundleError(
                    f"candidates/{self._targets[1].name}: reads back otherwise than it was written; "
                    "check the disk and write it again"
                )
        for hidden, target in zip(self._hidden, self._targets, strict=True):
            hidden.replace(target)


class NotFiniteError(BundleError):
    """An embedding has a value that is not finite.

    Parameters
    ----------
    row
        Its row.
    """

    def __init__(self, row: int) -> None:
        super().__init__(f"candidates: the embedding of row {row:,} has a value that is not finite")
        self.row = row


def finished_norm(embeddings: Path, studies: Path, rows: int, dimension: int) -> float | None:
    """Length of the longest row of a pair that is whole; None where it is not.

    Parameters
    ----------
    embeddings, studies, rows, dimension
        See `PairWriter`.
    """
    try:
        matrix = np.load(embeddings, mmap_mode="r", allow_pickle=False)
        with pa.OSFile(str(studies)) as source:
            reader = pa.ipc.open_file(source)
            found = reader.get_batch(0).num_rows if reader.num_record_batches == 1 else -1
    except (OSError, ValueError, EOFError, pa.ArrowException):
        return None
    if matrix.shape != (rows, dimension) or matrix.dtype != np.float32 or found != rows:
        return None
    blocks = (matrix[first : first + ROWS_AT_ONCE] for first in range(0, rows, ROWS_AT_ONCE))
    largest = max((float(row_lengths(block).max(initial=0.0)) for block in blocks), default=0.0)
    return largest if np.isfinite(largest) else None


def row_lengths(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Euclidean length of each row, float64.

    Examples
    --------
    >>> row_lengths(np.array([[3, 4], [0, 0]], np.float32)).tolist()
    [5.0, 0.0]
    """
    lengths: NDArray[np.float64] = np.sqrt(np.square(embeddings, dtype=np.float64).sum(axis=1))
    return lengths


def _to_disk(path: Path) -> None:
    """A name must not reach the disk before its content does."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
