"""Bytes to clip on one core, against the published preprocessing and against the codec alone.

    .venv/bin/python benchmarks/reading.py [--loops DIR] [--rounds N]

DIR holds JPEG loops (default: the committed one). The scanners' loops that pydicom and pydicom-data bring
are added. The other rows store the same pictures in other ways. Everything has one thread and one core, and
is timed in turn: a file's time is the least of its rounds, a row's figure the median over its files. `plain`
masks and scales all frames, as published; `sparing` those alone that a clip uses, and of a video file it
decodes 32 frames alone.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import cv2
import imagecodecs
import numpy as np
import plain_reading
from loops import Pixels, h264, h264_dicom, jpeg_loops, mp4_files, raw_dicom, rgb_of, streams_of
from machine import heading
from reading_stage import memory_table, scaling_table

from echoprime.reading import read_clip

Reader = Callable[..., Pixels]
"""Bytes to a clip; the plain ones take `all_frames`, see `plain_reading`."""

LARGEST = 480 * 640 * 128
"""Pixels of a loop that is also stored in other ways: longer ones only take time."""


class Timed(NamedTuple):
    """One file's least seconds, and how far the clip is from the plain one in levels."""

    plain: float
    sparing: float
    ours: float
    codec: float
    apart: int


def least_seconds(tasks: list[Callable[[], object]], rounds: int) -> list[float]:
    """Processor time of tasks that take turns."""
    spent: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds + 1):
        for task, times in zip(tasks, spent, strict=True):
            start = time.process_time()
            task()
            times.append(time.process_time() - start)
    return [min(times[1:]) for times in spent]  # the first turn fills caches


def exact(data: bytes) -> Pixels:
    """Our clip."""
    return read_clip(data).frames


def fast(data: bytes) -> Pixels:
    """Our clip, from the used frames and the last."""
    return read_clip(data, mode="fast").frames


def codec_alone(data: bytes) -> Callable[[], None]:
    """Decode all frames of a JPEG loop into one array, as stored."""
    streams = streams_of(data)
    out = imagecodecs.jpeg8_decode(streams[0], colorspace="YCBCR", outcolorspace="YCBCR")

    def decode() -> None:
        for stream in streams:
            imagecodecs.jpeg8_decode(stream, colorspace="YCBCR", outcolorspace="YCBCR", out=out)

    return decode


def timed(data: bytes, plain: Reader, ours: Reader, rounds: int) -> Timed:
    """Time one file; the codec only where it is JPEG."""
    is_jpeg = b"1.2.840.10008.1.2.4.50" in data[:1000]
    tasks: list[Callable[[], object]] = [lambda: plain(data), lambda: ours(data)]
    tasks.append(lambda: plain(data, all_frames=False))
    tasks += [codec_alone(data)] if is_jpeg else []
    seconds = least_seconds(tasks, rounds)
    codec = seconds[3] if is_jpeg else float("nan")
    apart = int(np.abs(ours(data).astype(int) - plain(data)).max())
    return Timed(seconds[0], seconds[2], seconds[1], codec, apart)


def line(name: str, files: list[Timed]) -> str:
    """One row of the table."""
    milliseconds = [f"{1000 * median(times):.1f}" for times in list(zip(*files, strict=True))[:4]]
    ratios = [
        median(each.plain / each.ours for each in files),
        median(each.sparing / each.ours for each in files),
    ]
    codec = f"{median(each.ours / each.codec for each in files):.2f}"
    cells = [name, str(len(files)), *milliseconds, *(f"{ratio:.2f}" for ratio in ratios), codec]
    cells.append(str(max(each.apart for each in files)))
    return f"| {' | '.join(cells)} |".replace("nan", "-")


def main() -> None:
    """Time, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loops", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(heading(__doc__, ["opencv-python-headless", "imagecodecs", "pydicom", "pillow", "av"]))
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    cv2.setNumThreads(1)
    loops = jpeg_loops(asked.loops)
    pictures = [rgb for rgb in map(rgb_of, loops.values()) if rgb[..., 0].size <= LARGEST]
    greys = [np.ascontiguousarray(rgb[..., 1]) for rgb in pictures]
    print("ms and ratios: medians over the files; apart: worst level from the plain clip (Pillow rounds the")
    print("Y-Cb-Cr of R-G-B its own way)\n")
    columns = ["what", "files", "plain, ms", "sparing, ms", "ours, ms", "codec, ms", "plain / ours"]
    columns += ["sparing / ours", "ours / codec", "apart"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    rows: list[tuple[str, list[bytes], Reader, Reader]] = [
        ("JPEG loop, exact", list(loops.values()), plain_reading.read_dicom, exact),
        ("JPEG loop, fast", list(loops.values()), plain_reading.read_dicom, fast),
        ("raw RGB", [raw_dicom(rgb, "RGB") for rgb in pictures], plain_reading.read_dicom, exact),
        (
            "raw greyscale",
            [raw_dicom(grey, "MONOCHROME2") for grey in greys],
            plain_reading.read_dicom,
            exact,
        ),
        ("H.264, MP4", [*mp4_files(asked.loops), *map(h264, pictures)], plain_reading.read_video, exact),
        ("H.264 in DICOM", [h264_dicom(rgb) for rgb in pictures], plain_reading.read_dicom, exact),
    ]
    for name, files, plain, ours in rows:
        print(line(name, [timed(data, plain, ours, asked.rounds) for data in files]), flush=True)
    os.sched_setaffinity(0, cores)
    print("\n" + scaling_table(loops, cores))
    print("\n" + memory_table(max(loops.values(), key=len)))


if __name__ == "__main__":
    main()
