"""The proof: every file below an output read again, and whether it still names somebody."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.storage import Location
from echoprime.withdrawal.traces import Traces

ROWS_AT_ONCE = 1_024

READERS = 8
"""Files searched at once: enough to hide a bucket's latency."""


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes
    ----------
    files
        Files that were read from their first byte to their last.
    naming
        Of these, those that name somebody, below the output.
    """

    files: int
    naming: tuple[str, ...]


def search(output: Location, traces: Traces) -> Search:
    """Read every file below an output, and its name.

    Parquet and Arrow files are decoded: every text of every column is compared, nested ones too, and what
    their footers say. All other files are read as text.
    """
    files = output.files()
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda path: names_somebody(output, path, traces), files))
    return Search(len(files), tuple(path for path, named in zip(files, found, strict=True) if named))


def names_somebody(output: Location, path: str, traces: Traces) -> bool:
    """Whether a file, or its name below the output, names one of the studies or patients."""
    if traces.in_text(path, paths=True):
        return True
    place = output / path
    try:
        if path.endswith(".parquet"):
            return _in_parquet(place, traces)
        if path.endswith(".arrow"):
            with place.open("rb") as stream:
                batches = pa.ipc.open_file(stream).read_all().to_batches()
                return any(_in_table(batch, traces) for batch in batches)
    except pa.ArrowInvalid:
        pass  # not what its name says
    return in_plain_text(place.read_bytes().decode("utf-8", "replace"), path, traces)


def in_plain_text(text: str, path: str, traces: Traces) -> bool:
    """Whether text names somebody; in CSV and JSON short ids count too where they are a whole value."""
    if traces.in_text(text, paths=True):
        return True
    if not traces.short or not path.endswith((".csv", ".json", ".jsonl")):
        return False
    short = list(traces.studies | traces.patients)
    marks = [f'"{each}"' for each in short]
    if any(mark in text for mark in marks):
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
        batches = file.iter_batches(ROWS_AT_ONCE, columns=texts, use_threads=False)
        return any(_in_table(batch, traces) for batch in batches)


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
