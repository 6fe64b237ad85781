"""Chunks are handed out whatever else is on the cores."""

from __future__ import annotations

import pytest

from operators.chunk_numbers import chunk_numbers
from pipelines.ray_session import ray_session, streamed


@pytest.mark.ray
def test_numbers_come_where_no_core_is_free() -> None:
    import ray

    class Holder:
        def cores(self) -> float:
            return ray.get_runtime_context().get_assigned_resources()["CPU"]

    with ray_session(None) as cluster:
        # the session may be that of other tests, whose actors end only a moment later
        holder = ray.remote(Holder).options(num_cpus=cluster.cores).remote()
        assert ray.get(holder.cores.remote(), timeout=120) == cluster.cores
        try:
            with streamed(chunk_numbers(9)) as blocks:
                tables = list(blocks)
        finally:
            ray.kill(holder)
    assert sorted(number for table in tables for number in table["id"].to_pylist()) == list(range(9))
    assert {table.num_rows for table in tables} == {1}
