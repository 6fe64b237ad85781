"""A commit that takes long is told as such: the stages then wait for the driver."""

from __future__ import annotations

import time

import pyarrow as pa
import pytest

from pipelines.ray_session import ClusterSize
from pipelines.watching.watch import JobWatch

pytestmark = pytest.mark.ray


def test_a_long_commit_is_what_is_waited_for(cluster: ClusterSize) -> None:
    said: list[str] = []
    watch = JobWatch("encode", 2, said.append)
    watch.tell(1.0)
    for _ in watch.rows([pa.table({}), pa.table({})]):
        watch.tell(2.0)  # as the watchdog's thread does
        time.sleep(0.05)
    watch.tell(3.0)
    driver = "the driver puts studies together or commits them"
    assert [driver in line for line in said] == [False, True, True, False]
    assert said[0] == "encode: nothing came out for 1 seconds; Ray has started no stage yet"
    assert watch.driver_seconds >= 0.1
    assert watch.shares()["driver"]["starved"] < 0.5
