"""In which portions arrays go through a network.

On cores everything is computed alone and by one thread, so that a result depends neither on what it was
batched with nor on how many cores there are. On a GPU,
where one clip would leave most of it idle, portions have one fixed shape and the last is padded: the same
kernels run for every portion, so here too a result does not depend on how many came with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

CLIPS_ON_GPU = 8
"""About 0.4 GB of a GPU's memory a clip, weights aside, and enough work to keep the largest ones busy."""

FRAMES_ON_GPU = 64
"""Frames a portion of the view classifier; as much work as one or two clips."""


def portion_size(device: torch.device, micro_batch: int | None, on_gpu: int) -> int:
    """How many go through together: 1 on cores, `on_gpu` elsewhere, or what is asked for.

    Examples
    --------
    >>> portion_size(torch.device("cpu"), None, 8), portion_size(torch.device("cpu"), 3, 8)
    (1, 3)
    """
    if micro_batch is not None:
        if micro_batch < 1:
            raise ValueError(f"micro_batch is {micro_batch}, it must be at least 1")
        return micro_batch
    return 1 if device.type == "cpu" else on_gpu


def in_portions(
    compute: Callable[..., Tensor],
    arrays: tuple[np.ndarray, ...],
    *,
    size: int,
    device: torch.device,
    outputs: int,
) -> np.ndarray:
    """Send arrays through `compute`, `size` rows at a time.

    Parameters
    ----------
    compute
        Takes one tensor of exactly `size` rows per array, on `device`; returns float32 (size, outputs).
    arrays
        Arrays of equally many rows. A short last portion is filled up with copies of its last row.
    size
        Rows a portion.
    device
        Where `compute` works.
    outputs
        Columns of the result.

    Returns
    -------
    np.ndarray
        float32 (rows, outputs).
    """
    rows = len(arrays[0])
    result = np.empty((rows, outputs), np.float32)

    def fill(start: int) -> None:
        stop = min(start + size, rows)
        with torch.inference_mode():  # a thread's own, so not around the pool
            portion = [_padded(array[start:stop], size).to(device) for array in arrays]
            result[start:stop] = compute(*portion)[: stop - start].cpu().numpy()

    starts = range(0, rows, size)
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        with _exact_float32(device):
            for start in starts:
                fill(start)
        return result
    # One thread a portion and as many portions at once as torch may use threads: two threads on one portion
    # sum in another order and give other last bits, and are slower than one on each of two.
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(fill, starts))
    finally:
        torch.set_num_threads(threads)  # what threads started later begin with
    return result


def _padded(rows: np.ndarray, size: int) -> Tensor:
    if len(rows) < size:
        rows = np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])
    # a copy of one portion, because torch shares neither read-only memory, such as Arrow's, nor reversed rows
    return torch.from_numpy(np.array(rows, order="C"))


@contextmanager
def _exact_float32(device: torch.device) -> Iterator[None]:
    """No TensorFloat-32 in convolutions, which cuDNN takes by default and which costs three digits."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
