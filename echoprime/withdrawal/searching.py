"""The proof: every file below an output read again, and whether it still names somebody."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.storage import Location
from echoprime.tables.files import group_batches
from echoprime.withdrawal.traces import Traces

ROWS_AT_ONCE = 1_024

READERS = 8
"""Files searched at once: enough to hide a bucket's latency."""

PIECE_BYTES = 4 << 20
"""Of other files so much is held at once, and the end of the piece before it: embeddings are gigabytes."""

OVERLAP_BYTES = 8_192
"""Longer than any path."""

PARQUET, ARROW = b"PAR1", b"ARROW1"
PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")
"""First bytes of gzip, zip, Zstandard, bzip2, xz and 7z: nothing in them can be read as text."""


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes
    ----------
    files
        Files that were read from their first byte to their last.
    naming
        Of these, those that name somebody, below the output.
    unread
        Files that cannot be looked into: packed, or cut Parquet and Arrow files.
    """

    files: int
    naming: tuple[str, ...]
    unread: tuple[str, ...] = ()


class _NotReadableError(Exception):
    """A file's content cannot be looked at."""


def search(output: Location, traces: Traces) -> Search:
    """Read every file below an output, and its name.

    Parquet and Arrow files are decoded, whatever they are called: every text of every column is compared,
    nested ones too, and what their footers say. All other files are read as text.
    """
    files = output.files()
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda path: _looked_at(output, path, traces), files))
    naming = tuple(path for path, named in zip(files, found, strict=True) if named)
    unread = tuple(path for path, named in zip(files, found, strict=True) if named is None)
    return Search(len(files) - len(unread), naming, unread)


def names_somebody(output: Location, path: str, traces: Traces) -> bool:
    """Whether a file, or its name below the output, names one of the studies or patients; False if unread."""
    return bool(_looked_at(output, path, traces))


def _looked_at(output: Location, path: str, traces: Traces) -> bool | None:
    """The same; None where the file cannot be looked into."""
    if traces.in_text(path, paths=True):
        return True
    try:
        return _in_file(output / path, path, traces)
    except FileNotFoundError:
        return False  # went since it was listed: a heartbeat, or another command's file
    except (pa.ArrowInvalid, _NotReadableError):
        return None


def _in_file(place: Location, path: str, traces: Traces) -> bool:
    if path.endswith(".parquet"):  # by its ending first: that saves a request
        with suppress(pa.ArrowInvalid):
            return _in_parquet(place, traces)
    if path.endswith((".csv", ".json", ".jsonl")):
        return in_plain_text(place.read_bytes().decode("utf-8", "replace"), path, traces)
    with place.open("rb") as stream:
        piece = stream.read(PIECE_BYTES)
        if piece.startswith(PARQUET):
            return _in_parquet(place, traces)
        if piece.startswith(ARROW):
            stream.seek(0)
            batches = pa.ipc.open_file(stream)
            return any(
                _in_table(batches.get_batch(number), traces) for number in range(batches.num_record_batches)
            )
        if piece.startswith(PACKED):
            raise _NotReadableError
        while piece:
            if in_plain_text(piece.decode("utf-8", "replace"), path, traces):
                return True
            more = stream.read(PIECE_BYTES)
            piece = piece[-OVERLAP_BYTES:] + more if more else b""
    return False


def in_plain_text(text: str, path: str, traces: Traces) -> bool:
    """Whether text names somebody; in CSV and JSON short ids count too where they are a whole value."""
    if traces.in_text(text, paths=True):
        return True
    if not traces.short or not path.endswith((".csv", ".json", ".jsonl")):
        return False
    short = list(traces.studies | traces.patients)
    marks = [f'"{each}"' for each in short]
    plain = text.replace('\\"', '"')  # a table's log holds JSON in JSON
    if any(mark in plain for mark in marks):
        return True
    cells = (
        {cell for line in text.splitlines() for cell in line.split(",")} if path.endswith(".csv") else set()
    )
    return bool(cells & set(short))


def _in_parquet(place: Location, traces: Traces) -> bool:
    with pq.ParquetFile(place.path, filesystem=place.arrow_filesystem) as file:
        if traces.in_text(_footer(file.metadata), paths=True):
            return True
        texts = [
            file.schema.column(number).path
            for number in range(len(file.schema))
            if file.schema.column(number).physical_type == "BYTE_ARRAY"
        ]
        if not texts:
            return False
        return any(_in_table(batch, traces) for batch in group_batches(file, ROWS_AT_ONCE, texts))


def _footer(metadata: Any) -> str:  # noqa: ANN401  # pyarrow has no types
    """What a footer says in the open: the file's facts, and the least and greatest texts of every column."""
    said = [value.decode("utf-8", "replace") for value in (metadata.metadata or {}).values()]
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            statistics = metadata.row_group(group).column(column).statistics
            if statistics is not None and statistics.has_min_max:
                said += [str(statistics.min), str(statistics.max)]
    return "\n".join(said)


def _in_table(batch: pa.RecordBatch, traces: Traces) -> bool:
    for column in batch.columns:
        for texts in _texts(column):
            if pc.any(pc.is_in(texts, traces.values)).as_py():
                return True
            lines = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
            if traces.in_text(str(pc.binary_join(lines, "\n")[0])):
                return True
    return False


def _texts(array: pa.Array) -> Iterator[pa.Array]:
    """Every text in a column, however deep it lies."""
    kind = array.type
    if pa.types.is_map(kind):
        yield from _texts(array.keys)
        yield from _texts(array.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _texts(pc.list_flatten(array))
    elif pa.types.is_struct(kind):
        for inner in array.flatten():
            yield from _texts(inner)
    elif pa.types.is_dictionary(kind):
        yield from _texts(array.dictionary)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        yield pc.drop_null(array.cast(pa.string()))
