"""An S3 server behind a proxy that breaks requests when it is told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.proxy import FaultProxy
from tests.faults.table import FaultTable
from tests.s3_server import S3Server


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """The way to the server that everything in a module takes; nothing is broken by itself."""
    with FaultProxy(s3_server.endpoint) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture(scope="module")
def fault_table() -> Iterator[FaultTable]:
    """Filled by a module's tests, and printed after the last (`pytest -s` shows it)."""
    table = FaultTable()
    yield table
    print(f"\n{table}")  # noqa: T201  # what the tests counted is their result
