"""Drawn loops on the real path: drawn, written as DICOM, read, encoded or looked at by the view network."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.demonstration.dicom import loop_to_dicom
from echoprime.demonstration.phantom import DOPPLER, REVISION, draw_loop
from echoprime.reading import Clip, read_clip

EMBED, LOOK = "embed", "look"
"""What is wanted of a loop: its embedding (512), or the view network's features of its first frame."""


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One loop to draw and compute."""

    want: str
    view: str
    ejection_fraction: float
    seed: int
    take: int = 0
    frames: int = 40

    @property
    def file_name(self) -> str:
        """Where its result is kept between interrupted runs."""
        parts = (
            self.want,
            self.view,
            f"{self.ejection_fraction:g}",
            self.seed,
            self.take,
            self.frames,
            REVISION,
        )
        return "-".join(str(part) for part in parts) + ".npy"


def read_drawn(loop: Loop) -> Clip:
    """Draw a loop, write it as DICOM, and read that as any file is read."""
    frames = draw_loop(loop.view, loop.ejection_fraction, seed=loop.seed, take=loop.take, frames=loop.frames)
    return read_clip(loop_to_dicom(frames, colour_doppler=loop.view in DOPPLER))


def compute(loops: Sequence[Loop], keep: Path, workers: int) -> Iterator[NDArray[np.float32]]:
    """Results of the loops in their order, each computed by one of several processes of one thread each.

    Parameters
    ----------
    keep
        Folder in which results stay, so that an interrupted run goes on where it was.
    workers
        Processes.
    """
    keep.mkdir(parents=True, exist_ok=True)
    # a fresh interpreter each: torch does not survive a fork that follows its first use
    with ProcessPoolExecutor(workers, get_context("spawn"), _start) as pool:
        yield from pool.map(_result, loops, [keep] * len(loops))


_networks: dict[str, Any] = {}


def _start() -> None:
    """Each process has one thread: two of one thread are faster than one of two."""
    import torch

    from echoprime.networks import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()


def _result(loop: Loop, keep: Path) -> NDArray[np.float32]:
    path = keep / loop.file_name
    if path.is_file():
        kept: NDArray[np.float32] = np.load(path)
        return kept
    clip = read_drawn(loop)
    result: NDArray[np.float32]
    if loop.want == EMBED:
        result = _network(EMBED).embed(clip.frames[None], [clip.used])[0]
    else:
        result = _network(LOOK).features(clip.frames[None, 0])[0]
    temporary = keep / f".{os.getpid()}-{loop.file_name}"
    np.save(temporary, result)
    temporary.replace(path)
    return result


def _network(want: str) -> Any:  # noqa: ANN401  # the encoder, or the view network without its last layer
    if want not in _networks:
        from echoprime.demonstration.seeded import FeatureNetwork, seeded_encoder_state
        from echoprime.networks import VideoEncoder

        if want == EMBED:
            _networks[want] = VideoEncoder("mvit_v2_s", seeded_encoder_state())
        else:
            _networks[want] = FeatureNetwork()
    return _networks[want]


def show_progress(done: int, total: int, words: str, seconds: float) -> None:
    """One line to standard error, written over."""
    left = seconds / max(done, 1) * (total - done)
    end = "\n" if done == total else ""
    print(f"\r{words}: {done} of {total}, {left / 60:.1f} min left  ", end=end, file=sys.stderr, flush=True)  # noqa: T201
