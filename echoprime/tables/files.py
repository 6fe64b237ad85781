"""Reading a table's data files: keys of all rows, and chosen rows by their position."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.storage import Location

READERS = 8
"""Files read at once: enough to hide a bucket's latency, and no more memory than their key columns."""


def group_batches(
    file: pq.ParquetFile, rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """All rows in order, one row group after the other.

    Asked for all of them at once, pyarrow fetches ahead and keeps every byte that it has read until the end:
    gigabytes of a large file.

    Parameters
    ----------
    file
        Open.
    rows
        Of a batch, at most.
    columns
        What is read; None = all.
    """
    for group in range(file.num_row_groups):
        yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=columns, use_threads=False)


def read_keys(location: Location, files: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Key columns of every row, with where each row lies.

    Parameters
    ----------
    location
        The table; its file system reads `files`.
    files
        Paths for `location.arrow_filesystem`.
    schema
        Small columns to read; nothing else of a file is touched.

    Returns
    -------
    pyarrow.Table
        The schema's columns, then file (dictionary of string), row_group and row_in_group (int32).
    """
    filesystem = location.arrow_filesystem
    with ThreadPoolExecutor(READERS) as pool:
        parts = list(pool.map(lambda path: _file_keys(filesystem, path, schema), files))
    numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [part.num_rows for part in parts])
    names = pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(list(files), pa.string()))
    joined = pa.concat_tables([_places(schema).empty_table(), *parts]).combine_chunks()
    return joined.add_column(len(schema), "file", names)


def _places(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field("row_group", pa.int32())).append(pa.field("row_in_group", pa.int32()))


def _file_keys(filesystem: Any, path: str, schema: pa.Schema) -> pa.Table:  # noqa: ANN401  # pyarrow has no types
    with pq.ParquetFile(path, filesystem=filesystem, pre_buffer=True) as file:
        counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        # cast: files that a merge has written hold `string_view` where others hold `string`
        rows = file.read(columns=schema.names, use_threads=False).select(schema.names).cast(schema)
    groups = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    inside = np.concatenate([np.arange(count, dtype=np.int32) for count in counts] or [np.empty(0, np.int32)])
    return rows.append_column("row_group", pa.array(groups)).append_column("row_in_group", pa.array(inside))


def read_rows(location: Location, chosen: pa.Table, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read chosen rows, one row group's worth at a time, never a whole file.

    Parameters
    ----------
    location
        The table.
    chosen
        Rows of `read_keys`; `file` may be plain strings too.
    columns
        What is read of them.

    Yields
    ------
    pyarrow.Table
        Rows of one row group, in the file's order; groups by file, then position.
    """
    if chosen.num_rows == 0:
        return
    filesystem = location.arrow_filesystem

    @functools.lru_cache(2 * READERS)
    def footer(path: str) -> pq.FileMetaData:
        return pq.read_metadata(path, filesystem=filesystem)

    def read(path: str, group: int, inside: pa.Array) -> pa.Table:
        with pq.ParquetFile(path, filesystem=filesystem, metadata=footer(path), pre_buffer=True) as file:
            rows = file.read_row_group(group, columns=list(columns), use_threads=False)
        return rows if len(inside) == rows.num_rows else _without_views(rows).take(inside)

    with ThreadPoolExecutor(READERS) as pool:
        # a window of row groups in flight, so that memory does not grow with the table
        tasks = (pool.submit(read, *group) for group in _by_group(chosen))
        window = list(islice(tasks, READERS))
        while window:
            yield window.pop(0).result()
            window.extend(islice(tasks, 1))


def _without_views(rows: pa.Table) -> pa.Table:
    """The same with `string` for `string_view`: a merge writes these, and Arrow has no `take` for them."""
    return rows.cast(pa.schema([field.with_type(_plain(field.type)) for field in rows.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


def _by_group(chosen: pa.Table) -> Iterator[tuple[str, int, pa.Array]]:
    """(file, row group, rows inside it) of every group that has a chosen row."""
    file = chosen["file"].combine_chunks()
    if not pa.types.is_dictionary(file.type):
        file = file.dictionary_encode()
    files = np.asarray(file.indices)
    groups = np.asarray(chosen["row_group"])
    inside = np.asarray(chosen["row_in_group"])
    order = np.lexsort((inside, groups, files))
    files, groups, inside = files[order], groups[order], inside[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(files) != 0) | (np.diff(groups) != 0)])
    for begin, end in zip(starts, np.r_[starts[1:], len(files)], strict=True):
        yield file.dictionary[int(files[begin])].as_py(), int(groups[begin]), pa.array(inside[begin:end])
