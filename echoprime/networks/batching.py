"""In which portions arrays go through a network.

On cores everything is computed alone and by one thread, so that a result depends neither on what it was
batched with nor on how many cores there are. On a GPU, where one clip would leave most of it idle, portions
have one fixed shape and the last is padded: the same kernels run for every portion, so here too a result does
not depend on how many came with it. A portion goes up, as uint8 and from pinned memory, while the one before
it is computed.
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
    parts = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]

    def host(part: slice) -> list[Tensor]:
        return [_padded(array[part], size) for array in arrays]

    def fill(part: slice) -> None:
        with torch.inference_mode():  # a thread's own, so not around the pool
            result[part] = compute(*host(part))[: part.stop - part.start].numpy()

    if device.type != "cpu":
        _fill_ahead(compute, map(host, parts), parts, Upload(device), result)
    elif torch.get_num_threads() == 1:
        for part in parts:
            fill(part)
    else:
        _fill_by_threads(fill, parts)
    return result


def _fill_by_threads(fill: Callable[[slice], None], parts: list[slice]) -> None:
    """One thread a portion and as many portions at once as torch may use threads.

    Two threads on one portion sum in another order and give other last bits, and are slower than one on each
    of two.
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(fill, parts))
    finally:
        torch.set_num_threads(threads)  # what threads started later begin with


def _fill_ahead(
    compute: Callable[..., Tensor],
    portions: Iterator[list[Tensor]],
    parts: list[slice],
    upload: Upload,
    result: np.ndarray,
) -> None:
    """Start each portion, send up the next one while it runs, then wait for what it gives."""
    with torch.inference_mode(), _exact_float32(upload.device):
        ahead = upload(next(portions)) if parts else []
        for part in parts:
            computed = compute(*ahead)
            following = next(portions, None)
            if following is not None:
                ahead = upload(following)
            result[part] = computed[: part.stop - part.start].cpu().numpy()


class Upload:
    """Sends tensors to a device, on a GPU beside what it computes.

    torch hands out pinned memory again only when what was sent from it has arrived: nothing is written over.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._beside: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._beside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it so

    def __call__(self, tensors: list[Tensor]) -> list[Tensor]:
        """Give the tensors on the device, ready for its current stream."""
        if self._beside is None:
            return [each.to(self.device) for each in tensors]
        current = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self._beside):
            sent = [each.pin_memory().to(self.device, non_blocking=True) for each in tensors]
        current.wait_stream(self._beside)
        for each in sent:
            each.record_stream(current)
        return sent


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
