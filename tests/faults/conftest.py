"""An S3 server behind a proxy that breaks requests when it is told to, and jobs to be killed on it."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator

import pytest

from echoprime.bundle import Bundle
from pipelines.ray_session import ray_session
from tests.faults.proxy import FaultProxy
from tests.faults.table import FaultTable
from tests.faults.undisturbed import Undisturbed, undisturbed
from tests.s3_server import S3Server
from tests.tiny import write_tiny_bundle

CORES = 8
"""Places for two small jobs at once, however few cores there are."""


@pytest.fixture(scope="module")
def roomy_ray() -> Iterator[str]:
    """A Ray that this process and commands of a test share; its address."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: set(range(CORES)))
        # commands look for it on loopback, where it listens, and not at the machine's own address
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        with ray_session(None):
            yield ray.get_runtime_context().gcs_address


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Untrained networks of two blocks."""
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """The way to the server that everything in a module takes; nothing is broken by itself."""
    with FaultProxy(s3_server.endpoint) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture(scope="module")
def fault_table() -> Iterator[FaultTable]:
    """Filled by a module's tests, and printed after the last (`pytest -s` shows it)."""
    table = FaultTable("fault", "requests", "faulty")
    yield table
    print(f"\n{table}")  # noqa: T201  # what the tests counted is their result


@pytest.fixture(scope="session")
def kill_table() -> Iterator[FaultTable]:
    """The same of what was killed, for the tests of all modules."""
    table = FaultTable("killed", "times", "rows left each time")
    yield table
    print(f"\n{table}")  # noqa: T201  # as above


@pytest.fixture(scope="session")
def store(s3_server: S3Server) -> Iterator[Undisturbed]:
    """An archive in a bucket, and the rows of a run that nothing disturbed."""
    with undisturbed(s3_server) as found:
        yield found


@pytest.fixture
def moment(request: pytest.FixtureRequest) -> random.Random:
    """Draws when; its seed is printed, and repeats the draws."""
    seed = int(os.environ.get("ECHOPRIME_FAULT_SEED") or secrets.randbelow(1 << 20))
    print(f"\n{request.node.name}: ECHOPRIME_FAULT_SEED={seed}")  # noqa: T201  # to repeat it
    return random.Random(seed)
