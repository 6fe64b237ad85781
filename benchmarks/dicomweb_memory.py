"""Memory that a DICOMweb archive takes: of a listing as it goes on, and of one object while it arrives.

    .venv/bin/python benchmarks/dicomweb_memory.py [--studies N] [--megabytes N]

The service is drawn: a process of its own makes each answer when it is asked for. Listing and reading are
the product's, each in a process of its own, whose resident memory is sampled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import re
import resource
import time
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from machine import heading

from echoprime.archive import DicomwebListing
from echoprime.storage import Location
from echoprime.storage.dicomweb_reading import fetch_instance

INSTANCES = 20
"""Of the one series of a study."""

BOUNDARY = b"drawn"
PIECE = 1 << 20


def main() -> None:
    """Measure and print both tables as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=20_000)
    parser.add_argument("--megabytes", type=int, default=200)
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port, other = context.Pipe(duplex=False)
    server = context.Process(target=_serve, args=(other, given.studies, given.megabytes), daemon=True)
    server.start()
    address = f"dicomweb+http://127.0.0.1:{port.recv()}/rs"
    print(heading(__doc__, ["dicomweb-client", "requests"]))
    try:
        for measured in (_list, _read):
            lines, there = context.Pipe(duplex=False)
            process = context.Process(target=measured, args=(address, there))
            process.start()
            there.close()
            while True:
                try:
                    print(lines.recv(), flush=True)
                except EOFError:
                    break
            process.join()
            print()
    finally:
        server.kill()


def _list(address: str, lines: Connection) -> None:
    """Resident memory after each tenth, and the slope from the first to the last of them."""
    lines.send("| studies listed | videos | seconds | resident MB |\n|---|---|---|---|")
    listing = DicomwebListing(Location.parse_archive(address))
    start, studies, videos, last = time.perf_counter(), 0, 0, ""
    samples: list[tuple[int, float]] = []
    for study, *_ in listing.rows():
        studies, videos, last = studies + (study != last), videos + 1, study
        if videos % (INSTANCES * 5000) == 0:
            samples.append((studies, _resident()))
            seconds = time.perf_counter() - start
            lines.send(f"| {studies:,} | {videos:,} | {seconds:.0f} | {samples[-1][1]:.1f} |")
    if len(samples) > 2:
        slope = np.polyfit(*zip(*samples[1:], strict=True), 1)[0]
        lines.send(f"\nSlope from the second line on: {slope * 1e6:.0f} MB a million studies.")


def _read(address: str, lines: Connection) -> None:
    """The largest resident memory, less what there was before."""
    study, series, instance = "1.2.0", "1.2.0.1", "1.2.0.1.1"
    before = _resident()
    start = time.perf_counter()
    data = fetch_instance(address, f"{study}/{series}/{instance}", "")
    seconds = time.perf_counter() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines.send("| object MB | seconds | peak MB beside the process | times the object |\n|---|---|---|---|")
    size = len(data) / 2**20
    lines.send(f"| {size:.0f} | {seconds:.1f} | {most - before:.0f} | {(most - before) / size:.2f} |")


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _serve(port: Connection, studies: int, megabytes: int) -> None:
    asyncio.run(_serving(port, studies, megabytes))


async def _serving(port: Connection, studies: int, megabytes: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                if "/instances/" in path:
                    await _send_object(writer, megabytes)
                    continue
                body = json.dumps(_found(path, studies)).encode()
                kind = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: "
                writer.write(kind + str(len(body)).encode() + b"\r\n\r\n" + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _found(path: str, studies: int) -> list[dict[str, object]]:
    """Results of one search."""
    at = urlsplit(path)
    asked = parse_qs(at.query)
    begin, limit = (int(asked.get(name, [other])[0]) for name, other in (("offset", "0"), ("limit", "200")))
    study = re.search(r"/studies/([0-9.]+)", at.path)
    if study is None:
        numbers = range(begin, min(begin + limit, studies))
        return [_tags({"0020000D": f"1.2.{n}", "00100020": f"P{n}", "00201206": 1}) for n in numbers]
    if at.path.endswith("/series"):
        series = {"0020000E": f"{study[1]}.1", "00080060": "US", "00201209": INSTANCES}
        return [_tags(series)][begin:]
    shape = {"00080016": "1.2.840.10008.5.1.4.1.1.3.1", "00280008": 60, "00280010": 600, "00280011": 800}
    return [_tags({"00080018": f"{study[1]}.1.{n}", **shape}) for n in range(1, INSTANCES + 1)][begin:]


def _tags(values: dict[str, object]) -> dict[str, object]:
    return {tag: {"vr": "UI", "Value": [value]} for tag, value in values.items()}


async def _send_object(writer: asyncio.StreamWriter, megabytes: int) -> None:
    head = b"--%b\r\nContent-Type: application/dicom\r\n\r\n" % BOUNDARY
    tail = b"\r\n--%b--\r\n" % BOUNDARY
    length = len(head) + len(tail) + megabytes * PIECE
    kind = b'Content-Type: multipart/related; type="application/dicom"; boundary=%b' % BOUNDARY
    writer.write(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (kind, length, head))
    for _ in range(megabytes):
        writer.write(bytes(PIECE))
        await writer.drain()
    writer.write(tail)
    await writer.drain()


if __name__ == "__main__":
    main()
