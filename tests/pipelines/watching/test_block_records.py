"""A real execution of many blocks: its stages remember the last ones alone."""

from __future__ import annotations

from typing import Any

import pytest

from operators.chunk_numbers import chunk_numbers
from pipelines.ray_session import ClusterSize
from pipelines.watching import block_records
from pipelines.watching.scheduler_steps import at_each_step

pytestmark = pytest.mark.ray

BLOCKS = 40


def test_records_of_blocks_are_forgotten(cluster: ClusterSize, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_records, "KEPT", 3)
    monkeypatch.setattr(block_records, "SECONDS", 0.0)
    most: dict[str, int] = {}
    given: dict[str, int] = {}

    def look(executor: Any) -> None:
        for operator in executor._topology:
            if "Map" in str(operator):
                most[operator.name] = max(most.get(operator.name, 0), len(operator._output_blocks_stats))
                given[operator.name] = operator.metrics.num_task_outputs_generated

    dataset = chunk_numbers(BLOCKS).map_batches(lambda batch: batch, batch_size=None, num_cpus=0)
    with block_records.forgetting_blocks(dataset), at_each_step(dataset, 0.0, look=look, purpose="looked at"):
        found = sorted(row["id"] for row in dataset.iter_rows())
    assert found == list(range(BLOCKS))
    assert given
    assert max(given.values()) > 10 * block_records.KEPT
    assert set(most.values()) == {block_records.KEPT}
