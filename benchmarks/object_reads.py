"""Reading whole objects from S3: processor time of the clients, and throughput over a link of 50 ms.

    .venv/bin/python benchmarks/object_reads.py [--rounds N] [--skip-clients] [--skip-link]

A SeaweedFS server on the same cores holds the objects, uploaded without checksums. Each measurement is a
process of its own, whose processor time alone counts; they take turns. `s3fs.cat` is the plain concurrent
downloader; `aiobotocore` its client without s3fs; `read_object` what the jobs use, in threads, with the MD5
of each object compared; `obstore` is Rust's object_store (`pip install obstore`; left out where it is not
there). The link is a proxy that holds every request back for 50 ms, once.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median
from typing import NamedTuple

import botocore.session
from botocore.config import Config
from machine import heading
from object_reading_stage import stage_table

from echoprime.storage import read_object
from echoprime.storage.location import Location
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy
from tests.s3_server import S3Server, running

MEGABYTE = 1_000_000
SIZES = (1, 8, 40)
IN_FLIGHT = (16, 64)
STORED = 8
"""Objects of each size; they are read again and again."""
VOLUME = 320 * MEGABYTE
"""Read in one measurement, or one object for each read in flight where that is more."""
LINK_SECONDS = 0.05


class Object(NamedTuple):
    """Where one lies, and what was listed of it."""

    bucket: str
    key: str
    size: int
    etag: str


class Measured(NamedTuple):
    """Megabytes a second, and processor seconds of the client's process a gigabyte."""

    speed: float
    cpu: float


def cat(objects: Sequence[Object], in_flight: int) -> int:
    """s3fs.cat of all of them."""
    import s3fs
    from fsspec.asyn import _run_coros_in_chunks, sync

    filesystem = s3fs.S3FileSystem(
        config_kwargs={"max_pool_connections": in_flight}, skip_instance_cache=True
    )

    async def gather() -> list[bytes]:
        # the coroutines of `cat`, which takes no path twice
        reads = [filesystem._cat_file(f"{each.bucket}/{each.key}") for each in objects]
        found: list[bytes] = await _run_coros_in_chunks(reads, batch_size=in_flight)
        return found

    return sum(map(len, sync(filesystem.loop, gather)))


def aiobotocore(objects: Sequence[Object], in_flight: int) -> int:
    """The client below s3fs, one GET an object."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    async def all_of_them() -> int:
        limit = asyncio.Semaphore(in_flight)
        config = AioConfig(max_pool_connections=in_flight)
        async with get_session().create_client("s3", config=config) as client:

            async def one(each: Object) -> int:
                async with limit:
                    answer = await client.get_object(Bucket=each.bucket, Key=each.key)
                    return len(await answer["Body"].read())

            return sum(await asyncio.gather(*map(one, objects)))

    return asyncio.run(all_of_them())


def checked(objects: Sequence[Object], in_flight: int) -> int:
    """What the jobs read with."""

    def one(each: Object) -> int:
        root = Location(f"s3://{each.bucket}")
        return len(read_object(root, each.key, size=each.size, token=each.etag))

    with ThreadPoolExecutor(in_flight) as pool:
        return sum(pool.map(one, objects))


def obstore(objects: Sequence[Object], in_flight: int) -> int:
    """Rust's client."""
    from obstore.store import S3Store

    store = S3Store(objects[0].bucket, client_options={"allow_http": True})

    async def all_of_them() -> int:
        limit = asyncio.Semaphore(in_flight)

        async def one(each: Object) -> int:
            async with limit:
                answer = await store.get_async(each.key)
                return len(await answer.bytes_async())

        return sum(await asyncio.gather(*map(one, objects)))

    return asyncio.run(all_of_them())


Client = Callable[[Sequence[Object], int], int]
CLIENTS: dict[str, Client] = {"s3fs.cat": cat, "aiobotocore": aiobotocore, "read_object": checked}
if importlib.util.find_spec("obstore"):
    CLIENTS["obstore"] = obstore


def _child(client: str, objects: Sequence[Object], in_flight: int, done: Queue[Measured]) -> None:
    CLIENTS[client](objects[:2], in_flight)  # imports, sessions
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    found = CLIENTS[client](objects, in_flight)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    assert found == sum(each.size for each in objects)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    done.put(Measured(found / MEGABYTE / seconds, spent / (found / 1e9)))


def measure(client: str, objects: Sequence[Object], in_flight: int) -> Measured:
    """One measurement in a process of its own."""
    context = multiprocessing.get_context("spawn")
    done: Queue[Measured] = context.Queue()
    process = context.Process(target=_child, args=(client, objects, in_flight, done))
    process.start()
    found = done.get(timeout=300)
    process.join()
    return found


def table(
    stored: dict[int, list[Object]], sizes: Sequence[int], in_flight: Sequence[int], rounds: int
) -> str:
    """Medians of all clients over sizes and reads in flight, as Markdown."""
    lines = []
    for size in sizes:
        for many in in_flight:
            count = max(VOLUME // (size * MEGABYTE), many)
            objects = list(islice(cycle(stored[size]), count))
            found: dict[str, list[Measured]] = {client: [] for client in CLIENTS}
            for _ in range(rounds):
                for client in CLIENTS:
                    found[client].append(measure(client, objects, many))
            cells = [
                f"{median(each.speed for each in found[client]):.0f}; "
                f"{median(each.cpu for each in found[client]):.2f}"
                for client in CLIENTS
            ]
            lines.append(f"| {size} | {many} | {' | '.join(cells)} |")
    head = f"| MB an object | in flight | {' | '.join(CLIENTS)} |\n|---|---|{'---|' * len(CLIENTS)}"
    return "\n".join([head, *lines])


def store(server: S3Server) -> dict[int, list[Object]]:
    """Objects of each size in a new bucket."""
    bucket = server.make_bucket()
    client = botocore.session.Session().create_client(
        "s3", config=Config(request_checksum_calculation="when_required")
    )
    found: dict[int, list[Object]] = {size: [] for size in SIZES}
    for size, objects in found.items():
        for number in range(STORED):
            key, data = f"{size}/{number}", os.urandom(size * MEGABYTE)
            etag = client.put_object(Bucket=bucket, Key=key, Body=data)["ETag"].strip('"')
            objects.append(Object(bucket, key, len(data), etag))
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--skip-clients", action="store_true")
    parser.add_argument("--skip-link", action="store_true")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    packages = ["s3fs", "aiobotocore", *(["obstore"] if "obstore" in CLIENTS else [])]
    print(heading(__doc__, packages))
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        os.environ.update(server.environment())
        stored = store(server)
        if not options.skip_clients:
            print("MB/s; processor seconds of the client a GB\n")
            print(table(stored, SIZES, IN_FLIGHT, options.rounds))
        if options.skip_link:
            return
        with FaultProxy(server.endpoint) as proxy:
            os.environ["AWS_ENDPOINT_URL"] = proxy.endpoint
            with proxy.injecting(Fault("latency", amount=LINK_SECONDS)):
                print("\nThe same over a link of 50 ms a request\n")
                print(table(stored, SIZES[:2], (16,), options.rounds))
            print()
            print(stage_table(server, proxy, Fault("latency", amount=LINK_SECONDS), options.rounds))


if __name__ == "__main__":
    main()
