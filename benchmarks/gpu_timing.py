"""Seconds of work on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

ROUNDS = 5


def least_seconds(run: Callable[[], object], warm_ups: int) -> float:
    """Least of some rounds, after `warm_ups` that do not count."""
    seconds = []
    for _ in range(ROUNDS + warm_ups):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[warm_ups:])
