"""The numbers of a plan's chunks, a block each: what every job's stream begins with.

`ray.data.range` gives the same, by tasks that ask for a whole core each. When a node dies its actors come
back on the others and may leave no whole core there: no number would come any more, and the job would wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
from ray.data import Dataset, Datasource, ReadTask, read_datasource
from ray.data.block import BlockMetadata

AT_ONCE = 4
"""Tasks that give out numbers at the same time: some hundred a second. Nothing else bounds those that ask for
no core."""


class _Numbers(Datasource):
    def __init__(self, chunks: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Ray Data's, untyped
        self._chunks = chunks

    def get_name(self) -> str:
        return "ChunkNumbers"

    def estimate_inmemory_data_size(self) -> int:
        return 8 * self._chunks

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:  # noqa: ANN401  # limits, contexts
        """One a chunk, whatever is asked for."""
        size = BlockMetadata(num_rows=1, size_bytes=8, exec_stats=None)
        return [ReadTask(partial(_block, number), size, schema=_SCHEMA) for number in range(self._chunks)]


_SCHEMA = pa.schema([pa.field("id", pa.int64())])


def _block(number: int) -> Iterator[pa.Table]:
    yield pa.table({"id": [number]}, _SCHEMA)


def chunk_numbers(chunks: int) -> Dataset:
    """A dataset of one column, `id` (int64): 0 to `chunks` - 1, a row a block. It takes no core."""
    numbers: Dataset = read_datasource(
        _Numbers(chunks), override_num_blocks=chunks, num_cpus=0, concurrency=min(AT_ONCE, chunks)
    )
    return numbers
