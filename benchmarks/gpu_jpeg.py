"""JPEG frames a second on a GPU (nvImageCodec, nvJPEG) against this machine's cores.

    python benchmarks/gpu_jpeg.py [FRAMES]

Needs torch, torchvision and numpy; nvImageCodec's row needs its wheel (`nvidia-nvimgcodec-cu13[all]`), and
that of imagecodecs, which the readers use, its own. Frames are a drawn sector of 600 x 800 with speckle, as
large as a scanner's, quality 90, 4:2:0. All sides decode to R, G, B; frames on a GPU stay there. "largest
level" and "mean level" are differences from libjpeg-turbo's pixels.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from gpu_timing import ROUNDS, least_seconds
from machine import heading
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

ROWS, COLUMNS, QUALITY, DIFFERENT = 600, 800, 90, 16

Decode = Callable[[], list[torch.Tensor]]
"""Decodes all frames: uint8 (3, rows, columns) or (rows, columns, 3) each."""


def drawn(seed: int) -> np.ndarray:
    """One frame: a sector with speckle on black, uint8 (3, rows, columns)."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:ROWS, :COLUMNS]
    angle, radius = np.arctan2(column - COLUMNS / 2, row + 1), np.hypot(column - COLUMNS / 2, row)
    speckle = np.kron(rng.gamma(2.0, 30.0, (ROWS // 3, COLUMNS // 4)), np.ones((3, 4)))
    grey = np.where((np.abs(angle) < np.pi / 4) & (radius < ROWS * 0.95), speckle, 0)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[None], 3, axis=0)


def streams(frames: int) -> list[torch.Tensor]:
    """JPEG streams, uint8 (bytes,); a few different ones in turn."""
    different = [
        encode_jpeg(torch.from_numpy(drawn(seed)), quality=QUALITY) for seed in range(min(frames, DIFFERENT))
    ]
    return [different[number % len(different)] for number in range(frames)]


def on_cores(jpegs: list[torch.Tensor], threads: int) -> Iterator[tuple[str, Decode]]:
    """libjpeg-turbo, as torchvision and imagecodecs bring it."""
    pool = ThreadPoolExecutor(threads)

    def by_torchvision() -> list[torch.Tensor]:
        return list(pool.map(lambda jpeg: decode_jpeg(jpeg, mode=ImageReadMode.RGB), jpegs))

    yield f"{threads} cores, torchvision", by_torchvision
    try:
        import imagecodecs
    except ImportError:
        return
    held = [jpeg.numpy().tobytes() for jpeg in jpegs]

    def by_imagecodecs() -> list[torch.Tensor]:
        return [torch.from_numpy(frame) for frame in pool.map(imagecodecs.jpeg8_decode, held)]

    yield f"{threads} cores, imagecodecs", by_imagecodecs


def on_gpu(jpegs: list[torch.Tensor]) -> Iterator[tuple[str, Decode]]:
    """nvJPEG as torchvision brings it, and nvImageCodec where its wheel is."""

    def by_nvjpeg() -> list[torch.Tensor]:
        return list(decode_jpeg(jpegs, mode=ImageReadMode.RGB, device="cuda"))

    yield "GPU, torchvision (nvJPEG)", by_nvjpeg
    try:
        from nvidia import nvimgcodec
    except ImportError:
        print("nvImageCodec is not installed: no row of it\n", file=sys.stderr)
        return
    decoder = nvimgcodec.Decoder()
    parameters = nvimgcodec.DecodeParams(color_spec=nvimgcodec.ColorSpec.SRGB)
    held = [jpeg.numpy().tobytes() for jpeg in jpegs]

    def by_nvimagecodec() -> list[torch.Tensor]:
        return [torch.as_tensor(image, device="cuda") for image in decoder.decode(held, params=parameters)]

    yield "GPU, nvImageCodec", by_nvimagecodec


def pixels(frame: torch.Tensor) -> np.ndarray:
    """Channels last, in the host's memory, as int16."""
    values = frame.cpu().numpy().astype(np.int16)
    return values if values.shape[-1] == 3 else values.transpose(1, 2, 0)


def main(frames: int = 512) -> int:
    """Print the table; 2 where there is no GPU."""
    if not torch.cuda.is_available():
        print("no GPU is visible: nothing was measured", file=sys.stderr)
        return 2
    jpegs = streams(frames)
    expected = pixels(decode_jpeg(jpegs[0], mode=ImageReadMode.RGB))
    cores = len(os.sched_getaffinity(0))
    print(heading(__doc__, ["torch", "torchvision", "numpy"]))
    size = sum(len(jpeg) for jpeg in jpegs) / frames / 1e3
    print(f"{torch.cuda.get_device_name()}; {frames} frames of {size:.0f} kB; least of {ROUNDS} rounds.\n")
    print("| decoder | frames/s | largest level | mean level |\n|---|---|---|---|")
    for name, decode in (*on_cores(jpegs, 1), *on_cores(jpegs, cores), *on_gpu(jpegs)):
        difference = np.abs(pixels(decode()[0]) - expected)
        seconds = least_seconds(decode, warm_ups=1)
        print(
            f"| {name} | {frames / seconds:,.0f} | {difference.max()} | {difference.mean():.3f} |", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
