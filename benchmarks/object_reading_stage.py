"""The reading stage of the encode job, `ReadClips`, on real loops in a bucket, near and over a link."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median

import numpy as np
from loops import jpeg_loops, mp4_files

from echoprime.archive import open_manifest, plan_studies, write_manifest, write_plan
from echoprime.reading import Limits, Mode
from echoprime.storage import Location
from operators.read_clips import READS_AHEAD, ReadClips
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy
from tests.s3_server import S3Server

STUDIES = 12
"""Each holds every loop that is there once."""


def stage_table(server: S3Server, proxy: FaultProxy, link: Fault, rounds: int) -> str:
    """Clips and megabytes a second of one worker, as Markdown."""
    loops = {**jpeg_loops(None), **{f"{n}.mp4": data for n, data in enumerate(mp4_files(None))}}
    place = Location.parse(f"s3://{server.make_bucket()}")
    for study in range(STUDIES):
        for name, data in loops.items():
            (place / f"archive/{study:02d}/{name}").write_bytes(data)
    count = STUDIES * len(loops)
    size = STUDIES * sum(map(len, loops.values())) / 1e6
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        manifest = Location.parse(str(Path(scratch) / "manifest.parquet"))
        write_manifest(place / "archive", manifest)
        opened = open_manifest(manifest)
        plan = write_plan(plan_studies(opened), place / "plan", root=opened.root, workers=4)
        for mode in ("exact", "fast"):
            near, far = [], []
            for _ in range(rounds):
                near.append(_seconds(server.endpoint, plan.location, plan.root, plan.chunks, mode))
                with proxy.injecting(link):
                    far.append(_seconds(proxy.endpoint, plan.location, plan.root, plan.chunks, mode))
            a, b = median(near), median(far)
            lines.append(f"| {mode} | {count / a:.1f}; {size / a:.1f} | {count / b:.1f}; {size / b:.1f} "
                         f"| {median(n / f for n, f in zip(near, far, strict=True)):.2f} |")  # fmt: skip
    head = (
        f"| ReadClips, {count} clips, {size:.0f} MB, {plan.chunks} chunks, {READS_AHEAD} reads ahead "
        "| near: clips/s; MB/s | over the link: clips/s; MB/s | ratio |"
    )
    return "\n".join([head, "|---|---|---|---|", *lines])


def _seconds(endpoint: str, plan: Location, root: Location, chunks: int, mode: Mode) -> float:
    context = multiprocessing.get_context("spawn")
    done: Queue[float] = context.Queue()
    process = context.Process(target=_read, args=(endpoint, plan, root, chunks, mode, done))
    process.start()
    found = done.get(timeout=600)
    process.join()
    return found


def _read(endpoint: str, plan: Location, root: Location, chunks: int, mode: Mode, done: Queue[float]) -> None:
    """All chunks but the first, which starts the decoding process and fills caches."""
    os.environ["AWS_ENDPOINT_URL"] = endpoint
    reader = ReadClips(plan, root, Limits(), mode)
    for _ in reader({"id": np.array([0])}):
        pass
    start = time.perf_counter()
    for chunk in range(chunks):
        for _ in reader({"id": np.array([chunk])}):
            pass
    done.put(time.perf_counter() - start)
