"""Clips a second of the encode job on a local Ray, against the same functions in two plain processes.

    .venv/bin/python benchmarks/encode_job.py [STUDIES] [ROUNDS]

Both read the same drawn loops with `ClipReader`, encode with `VideoEncoder` and classify with
`ViewClassifier`: seeded, untrained, full size. Timed in turn in one run. What is counted is clips a second
from the first loop's reading to the last result: starting processes and loading weights is left out on both
sides.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import ray
from machine import heading

from echoprime.archive import write_manifest
from echoprime.bundle import open_bundle
from echoprime.demonstration import draw_loop, loop_to_dicom, write_demonstration_bundle
from echoprime.storage import Location
from pipelines.encode import encode
from pipelines.ray_session import ray_session
from pipelines.settings import EncodeSettings

LOOPS_PER_STUDY = 4
PROCESSES = 2
VIEWS = ("A4C", "A2C", "Parasternal_Long", "Parasternal_Short")


def draw(archive: Path, studies: int) -> list[Path]:
    """A small archive: the same loops for both sides."""
    loops = []
    for study in range(studies):
        for number, view in enumerate(VIEWS[:LOOPS_PER_STUDY]):
            loop = archive / f"study-{study:03d}" / f"{number}.dcm"
            loop.parent.mkdir(parents=True, exist_ok=True)
            frames = draw_loop(view, 30.0 + study % 40, seed=1000 + study * 10 + number)
            loop.write_bytes(loop_to_dicom(frames))
            loops.append(loop)
    return loops


def plain_worker(bundle_folder: str, begin: Barrier, todo: Queue[str | None], done: Queue[float]) -> None:
    """One plain process: read, encode, classify, loop by loop; its first word is when it began."""
    import torch

    from echoprime.networks import keep_freed_memory, load_encoder, load_view_classifier, selfcheck
    from echoprime.reading import ClipReader

    torch.set_num_threads(1)
    keep_freed_memory()
    bundle = open_bundle(bundle_folder)
    encoder, classifier = load_encoder(bundle, "cpu"), load_view_classifier(bundle, "cpu")
    selfcheck.check(bundle, encoder, classifier)  # as the job's actors do: the first clip warms the allocator
    with ClipReader() as reader:
        begin.wait()
        done.put(time.monotonic())
        while (loop := todo.get()) is not None:
            clip = reader.read(Path(loop).read_bytes()).require_clip()
            encoder.embed(clip.frames[None], [clip.used])
            classifier.logits(clip.frames[None, 0])
            done.put(time.monotonic())


def plain(bundle: Path, loops: list[Path]) -> float:
    """Clips a second of two processes that share a queue of loops."""
    context = multiprocessing.get_context("spawn")
    todo, done, begin = context.Queue(), context.Queue(), context.Barrier(PROCESSES)
    # A None ends each worker: asking without waiting says "empty" too while the other one is asking.
    for loop in [*map(str, loops), *[None] * PROCESSES]:
        todo.put(loop)
    workers = [
        context.Process(target=plain_worker, args=(str(bundle), begin, todo, done)) for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    times = sorted(done.get() for _ in range(len(loops) + PROCESSES))
    for worker in workers:
        worker.join()
    return len(loops) / (times[-1] - times[0])


def job(bundle: Path, manifest: Path, output: Path) -> float:
    """Clips a second of the encode job."""
    settings = EncodeSettings(manifest=str(manifest), bundle=str(bundle), output=str(output), progress=False)
    result = encode(settings)
    assert result.clips_per_second is not None
    return result.clips_per_second


def main(studies: int = 24, rounds: int = 2) -> None:
    """Draw, time both in turn, print."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        loops = draw(place / "archive", studies)
        write_demonstration_bundle(place / "bundle")
        write_manifest(
            Location.parse(str(place / "archive")), Location.parse(str(place / "manifest.parquet"))
        )
        rows = []
        for number in range(rounds):
            alone = plain(place / "bundle", loops)
            with ray_session(None):
                on_ray = job(place / "bundle", place / "manifest.parquet", place / f"out-{number}")
            rows.append((alone, on_ray))
        assert not ray.is_initialized()
    print(heading(__doc__, ["ray", "torch", "torchvision"]))
    print(f"{len(loops)} drawn loops of 40 frames, 300 x 400; seeded, untrained networks, float32\n")
    print("| round | two plain processes, clips/s | encode job, clips/s | ratio |\n|---|---|---|---|")
    for number, (alone, on_ray) in enumerate(rows):
        print(f"| {number + 1} | {alone:.3f} | {on_ray:.3f} | {on_ray / alone:.2f} |")
    print(f"\nmedian ratio {median(on_ray / alone for alone, on_ray in rows):.2f}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
