"""The reading stage of the encode job, `ReadClips` with its decoding process: cores and memory."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import numpy as np
from loops import jpeg_dicom, large_loop, raw_dicom

from echoprime.archive import open_manifest, plan_studies, write_manifest, write_plan
from echoprime.reading import Limits
from echoprime.storage import Location
from operators.read_clips import ReadClips

STUDIES = 8
"""Each holds all loops once."""
ROUNDS = 3


def scaling_table(loops: Mapping[str, bytes], cores: Sequence[int]) -> str:
    """Clips a second of one worker on one core, and of two on two, as Markdown."""
    if len(cores) < 2:
        return "two cores against one: this machine has one"
    with tempfile.TemporaryDirectory() as scratch:
        plan, root, chunks = _plan(
            Path(scratch), {f"{n}/{name}": data for n in range(STUDIES) for name, data in loops.items()}
        )
        clips = STUDIES * len(loops)
        pairs = [
            (clips / _seconds(plan, root, chunks, cores[:1]), clips / _seconds(plan, root, chunks, cores[:2]))
            for _ in range(ROUNDS)
        ]
    one, two = (median(side) for side in zip(*pairs, strict=True))
    ratio = median(after / before for before, after in pairs)
    head = "| reading stage, the loops above | one core, clips/s | two cores, clips/s | ratio |"
    row = f"| ReadClips and its decoding process | {one:.1f} | {two:.1f} | {ratio:.2f} |"
    return f"{head}\n|---|---|---|---|\n{row}"


def memory_table(loop: bytes) -> str:
    """Peak memory of one worker on a loop of 800 x 1,000 pixels and 200 frames, as Markdown."""
    frames = large_loop(loop)
    rows = []
    for name, data in (("JPEG", jpeg_dicom(frames)), ("raw RGB", raw_dicom(frames, "RGB"))):
        with tempfile.TemporaryDirectory() as scratch:
            plan, root, _ = _plan(Path(scratch), {"study/loop.dcm": data})
            context = multiprocessing.get_context("spawn")
            peaks: Queue[tuple[float, float]] = context.Queue()
            worker = context.Process(target=_measure_memory, args=(plan, root, peaks))
            worker.start()
            actor, child = peaks.get()
            worker.join()
        rows.append(f"| {name} | {len(data) / 1e6:.0f} | {actor:.0f} | {child:.0f} | {actor + child:.0f} |")
    head = "| 800 x 1,000 x 200 frames | file, MB | worker, MB | decoding process, MB | together, MB |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _plan(place: Path, files: Mapping[str, bytes]) -> tuple[Location, Location, int]:
    """An archive of files, and the plan to read all of it: the plan, its root, its chunks."""
    archive = place / "archive"
    for name, data in files.items():
        path = archive / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    write_manifest(Location.parse(str(archive)), Location.parse(str(place / "manifest.parquet")))
    manifest = open_manifest(Location.parse(str(place / "manifest.parquet")))
    plan = write_plan(
        plan_studies(manifest), Location.parse(str(place / "plan")), root=manifest.root, workers=8
    )
    return plan.location, plan.root, plan.chunks


def _seconds(plan: Location, root: Location, chunks: int, cores: Sequence[int]) -> float:
    """Seconds in which one worker a core reads all chunks, from the first chunk to the last clip."""
    context = multiprocessing.get_context("spawn")
    begin, done = context.Barrier(len(cores)), context.Queue()
    shares = [list(range(number, chunks, len(cores))) for number in range(len(cores))]
    workers = [
        context.Process(target=_read, args=(plan, root, share, core, begin, done))
        for share, core in zip(shares, cores, strict=True)
    ]
    for worker in workers:
        worker.start()
    times = [done.get() for _ in workers]
    for worker in workers:
        worker.join()
    return max(end for _, end in times) - min(start for start, _ in times)


def _read(
    plan: Location,
    root: Location,
    chunks: list[int],
    core: int,
    begin: Barrier,
    done: Queue[tuple[float, float]],
) -> None:
    """One worker and its decoding process on one core."""
    os.sched_setaffinity(0, [core])
    reader = ReadClips(plan, root, Limits())
    for _ in reader({"id": np.array(chunks[:1])}):  # starts the process, fills caches
        pass
    begin.wait()
    start = time.monotonic()
    for _ in reader({"id": np.array(chunks)}):
        pass
    done.put((start, time.monotonic()))


def _measure_memory(plan: Location, root: Location, peaks: Queue[tuple[float, float]]) -> None:
    """Peak resident memory, MB, of this process and of the one that decodes for it."""
    reader = ReadClips(plan, root, Limits())
    rows = list(reader({"id": np.array([0])}))
    assert len(rows[0]["clips"][0].as_buffer()) > 0
    child = reader._reader.pid  # a benchmark may look inside
    assert child is not None
    peaks.put((_peak(os.getpid()), _peak(child)))


def _peak(pid: int) -> float:
    for text in Path(f"/proc/{pid}/status").read_text().splitlines():
        if text.startswith("VmHWM:"):
            return int(text.split()[1]) / 1000
    raise ProcessLookupError(pid)
