"""Manifest, encode and interpret over an object store that fails: the undisturbed run's rows, every one.

`make test-faults` prints the table of what was hit.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import pytest
from botocore.config import Config

from echoprime.storage import Location
from pipelines.ray_session import ray_session
from pipelines.run import run
from pipelines.settings import RunAllSettings
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy
from tests.faults.table import Difference, FaultTable, counted, difference
from tests.rows import rows
from tests.s3_server import S3Server
from tests.tiny import small_loop, write_tiny_archive, write_tiny_bundle

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

SHARE = 0.3
STUDIES = 8
READS = "GET|HEAD"
WRITES = "PUT|POST"
NO_LOG = "^(?!.*_delta_log)"
"""deltalake reads its log itself, and compares no checksum: a flipped byte there is not looked for."""
MIXED = ("slow_down", "internal_error", "reset", "truncate", "corrupt", "latency")
Rows = list[dict[str, Any]]


class Store(NamedTuple):
    """A bucket with archive and bundle in it, and the rows of a run that nothing disturbed."""

    bucket: str
    encodings: Rows
    interpretations: Rows


@pytest.fixture(scope="module")
def store(
    s3_server: S3Server, proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Ray is started here, so that its workers take the way through the proxy."""
    folder = tmp_path_factory.mktemp("store")
    bundle = write_tiny_bundle(folder / "bundle")
    write_tiny_archive(folder / "archive", studies=STUDIES)
    with zipfile.ZipFile(folder / "archive" / "packed.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(3):
            packed.writestr(f"IM{number:04d}", small_loop(200 + number))
    bucket = s3_server.make_bucket()
    # no checksums, as older tools upload: the ETag alone vouches for an object
    client = botocore.session.Session().create_client(
        "s3", config=Config(request_checksum_calculation="when_required")
    )
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        client.put_object(Bucket=bucket, Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
    assert bundle.encodes
    with pytest.MonkeyPatch.context() as patch, ray_session(None):
        patch.setenv("ECHOPRIME_CACHE", str(folder / "cache"))
        yield Store(bucket, *job(bucket, "undisturbed"))


def job(bucket: str, output: str) -> tuple[Rows, Rows]:
    """`echoprime run`, and its two tables' rows."""
    place = Location.parse(f"s3://{bucket}")
    out = place / output
    code = run(
        RunAllSettings(
            archive=str(place / "archive"),
            bundle=str(place / "bundle"),
            output=str(out),
            commit_studies=2,
            progress=False,
        )
    )
    assert code == 0
    return rows(out / "encodings"), rows(out / "interpretations" / "default")


READ_MODES = ("slow_down", "internal_error", "reset", "truncate", "corrupt", "latency", MIXED)
WRITE_MODES = ("slow_down", "internal_error", "reset", "lost_answer", "truncate", "corrupt", MIXED)


@pytest.mark.parametrize(
    ("what", "methods", "modes"),
    [("read", READS, modes) for modes in READ_MODES] + [("write", WRITES, modes) for modes in WRITE_MODES],
    ids=lambda value: value if isinstance(value, str) else "mixed",
)
def test_requests_that_fail(
    what: str,
    methods: str,
    modes: Any,
    store: Store,
    proxy: FaultProxy,
    fault_table: FaultTable,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Run with a fault into an output of its own, from an empty cache, and compare both tables."""
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path))
    name = f"{what} {modes if isinstance(modes, str) else 'mixed'}"
    paths = NO_LOG if what == "read" and "corrupt" in modes else "."
    fault = Fault(modes, share=SHARE, methods=methods, paths=paths, amount=0.5, seed=1)
    start = time.monotonic()
    with proxy.injecting(fault):
        encodings, interpretations = job(store.bucket, name.replace(" ", "-"))
    seconds = time.monotonic() - start
    found = difference(encodings, store.encodings)
    fault_table.add(name, *counted(proxy.counts), found=found, seconds=seconds)
    assert found == Difference(0, 0, 0)
    assert difference(interpretations, store.interpretations) == Difference(0, 0, 0)
    assert sum(count for key, count in proxy.counts.items() if " " in key) > 5
