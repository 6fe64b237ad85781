"""What several clips a video cost: reading, encoding and interpreting with one and with three, in turn.

    PYTHONPATH=. python benchmarks/clips_per_video.py [--rounds 3] [--clips 3] [--candidates 40000]

Reading: drawn videos of 120 frames, 600 x 800, JPEG and MP4, by one core in this process. Encoding: the
full-size networks with seeded weights, one thread. Interpreting: drawn embeddings against drawn candidates,
by the library. Processor seconds. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import av
import numpy as np
import torch
from machine import heading

from echoprime.interpretation import Interpreter, StudyClips
from echoprime.networks import VideoEncoder, ViewClassifier, seeded_state
from echoprime.reading import Mode, read_clips
from echoprime.retrieval import CandidateSet, video_embeddings
from tests.tiny import large_loop, write_tiny_bundle

STUDIES, VIDEOS = 16, 20


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def as_mp4() -> bytes:
    """A video of 120 frames, 600 x 800: a square that moves in noise."""
    rng = np.random.default_rng(0)
    noise = rng.integers(20, 120, (600, 800, 1), np.uint8).repeat(3, axis=2)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = 600, 800, "yuv420p"
        for number in range(120):
            frame = noise.copy()
            frame[100 + number : 300 + number, 200:500] = 200
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def reading(rounds: int, clips: int) -> None:
    """Seconds a video."""
    ways: list[tuple[str, bytes, Mode]] = [
        ("JPEG loop, exact", large_loop(), "exact"),
        ("JPEG loop, fast", large_loop(), "fast"),
        ("MP4", as_mp4(), "exact"),
    ]
    for name, data, mode in ways:
        found: dict[int, list[float]] = {1: [], clips: []}
        for _ in range(rounds + 1):
            for count, each in found.items():
                each.append(seconds(lambda: read_clips(data, clips_per_video=count, mode=mode)))  # noqa: B023
        row(f"reading, {name}", *(median(each[1:]) for each in found.values()))


def encoding(rounds: int, clips: int) -> None:
    """Seconds a video, both networks: the view is of the first clip alone."""
    torch.set_num_threads(1)
    encoder = VideoEncoder("mvit_v2_s", seeded_state("mvit_v2_s", 0))
    classifier = ViewClassifier("convnext_base", seeded_state("convnext_base", 1))
    frames = np.stack([each.frames for each in read_clips(large_loop(), clips_per_video=clips)])

    def both(count: int) -> None:
        encoder.embed(frames[:count], [16] * count)
        classifier.logits(frames[:1, 0])

    both(1)
    found: dict[int, list[float]] = {1: [], clips: []}
    for _ in range(rounds):
        for count, each in found.items():
            each.append(seconds(lambda: both(count)))  # noqa: B023  # called at once
    row("both networks, full size", *(median(each) for each in found.values()))


def interpreting(scratch: Path, rounds: int, clips: int, candidates: int) -> None:
    """Seconds a study."""
    bundle = write_tiny_bundle(scratch / "bundle", weights=False, candidates=candidates)
    interpreter, shard = Interpreter(bundle), CandidateSet.open(bundle).shard()
    rng = np.random.default_rng(0)
    views = [rng.integers(0, 11, VIDEOS) for _ in range(STUDIES)]
    counts = np.full(VIDEOS, clips)
    of = [StudyClips(rng.standard_normal((VIDEOS * clips, 512)).astype(np.float32), counts) for _ in views]
    means = [video_embeddings(each.embeddings, counts) for each in of]

    def interpret(several: bool) -> None:
        queries = interpreter.queries(means, views)
        hits = shard.search(**interpreter.search_arguments(queries))
        found = interpreter.clip_values(means, of, views, shard.search) if several else None
        interpreter.interpret(queries, hits, clips=found)

    interpret(True)
    found: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for several, each in found.items():
            each.append(seconds(lambda: interpret(several)) / STUDIES)  # noqa: B023  # called at once
    row(f"interpreting a study of {VIDEOS} videos", *(median(each) for each in found.values()))


def row(name: str, one: float, several: float) -> None:
    """A line of the table."""
    print(f"| {name} | {one:.4f} | {several:.4f} | {several / one:.2f} |", flush=True)


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--candidates", type=int, default=40_000)
    asked = parser.parse_args()
    print(heading(__doc__, ["numpy", "torch", "imagecodecs", "av"]))
    print(f"Processor seconds, medians of {asked.rounds} rounds in turn; {asked.candidates:,} candidates.\n")
    print(f"| | one clip a video | {asked.clips} clips | times |\n|---|---:|---:|---:|")
    reading(asked.rounds, asked.clips)
    encoding(asked.rounds, asked.clips)
    with tempfile.TemporaryDirectory() as scratch:
        interpreting(Path(scratch), asked.rounds, asked.clips, asked.candidates)


if __name__ == "__main__":
    main()
