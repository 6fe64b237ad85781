"""How fast the networks are on cores, against torchvision's own forward with the same weights.

    OMP_NUM_THREADS=2 python benchmarks/networks.py >> benchmarks/results/networks.md

Both are timed in turn in one process, one clip or frame at a time, in float32. The least of the rounds is
taken, since other processes only ever add to it; on a busy machine the ratio of processor time (all threads
together) is the steadier one. First with the C library's allocator as it is, then as
`keep_freed_memory` sets it. Takes about three minutes. Weights are seeded, not trained: that changes no time.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from echoprime.networks import ENCODERS, VIEW_CLASSIFIERS, keep_freed_memory, seeded_state
from echoprime.networks.convnext import FrameClassifier
from echoprime.networks.linear import packing_works
from echoprime.networks.mvit import ClipEncoder
from echoprime.networks.weights import build_network

ROUNDS = 5
THREADS = (1, 2)

Network = Callable[[Tensor], Tensor]


def least_seconds(networks: list[Network], given: Tensor) -> list[tuple[float, float]]:
    """Time networks in turn, after one round that does not count: wall clock and processor time of each."""
    wall: list[list[float]] = [[] for _ in networks]
    busy: list[list[float]] = [[] for _ in networks]
    for round_number in range(ROUNDS + 1):
        for number, network in enumerate(networks):
            start, start_busy = time.perf_counter(), time.process_time()
            network(given)
            if round_number:
                wall[number].append(time.perf_counter() - start)
                busy[number].append(time.process_time() - start_busy)
    return [(min(walls), min(busies)) for walls, busies in zip(wall, busy, strict=True)]


def encoder() -> tuple[nn.Module, Network, Tensor]:
    """torchvision's, ours, and a clip."""
    module = build_network(ENCODERS["mvit_v2_s"], 512, seeded_state("mvit_v2_s", 0))
    return module, ClipEncoder(module), torch.randn(1, 16, 224, 224, 3).permute(0, 4, 1, 2, 3)


def view_classifier() -> tuple[nn.Module, Network, Tensor]:
    """torchvision's, ours, and a frame. Layer scales of 0.5: as seeded the blocks would be silent."""
    state = {
        key: torch.full_like(tensor, 0.5) if key.endswith("layer_scale") else tensor
        for key, tensor in seeded_state("convnext_base", 1).items()
    }
    modules = [build_network(VIEW_CLASSIFIERS["convnext_base"], 11, state) for _ in range(2)]
    return modules[0], FrameClassifier(modules[1]), torch.randn(1, 224, 224, 3).permute(0, 3, 1, 2)


def processor() -> str:
    """Its name, from Linux where it is one."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def main() -> None:
    """Print the table."""
    networks = {"mvit_v2_s": encoder(), "convnext_base": view_classifier()}
    print(
        f"\n{processor()}, AVX-512: {'avx512' in torch.backends.cpu.get_cpu_capability().lower()}; ", end=""
    )
    print(f"Python {platform.python_version()}, torch {torch.__version__}, ", end="")
    print(f"torchvision {torchvision.__version__}; packed linear layers: {packing_works()}; ", end="")
    print(f"weights seeded, untrained; least of {ROUNDS} rounds; {time.strftime('%Y-%m-%d')}\n")
    columns = (
        *("network", "threads", "allocator", "torchvision, s", "ours, s", "ratio"),
        *("ratio of processor time", "largest difference"),
    )
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")
    for allocator in ("as it is", "keeps freed memory"):
        if allocator != "as it is":
            keep_freed_memory()
        for name, (theirs, ours, given) in networks.items():
            for threads in THREADS:
                torch.set_num_threads(threads)
                with torch.inference_mode():
                    difference = float((theirs(given) - ours(given)).abs().max())
                    (slow, slow_busy), (fast, fast_busy) = least_seconds([theirs, ours], given)
                print(
                    f"| {name} | {threads} | {allocator} | {slow:.2f} | {fast:.2f} | {slow / fast:.2f} "
                    f"| {slow_busy / fast_busy:.2f} | {difference:.1e} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
