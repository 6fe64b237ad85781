"""How fast the networks are on cores, against torchvision's own forward with the same weights.

    .venv/bin/python benchmarks/networks.py > benchmarks/results/networks.md

Two processes take turns: in one torchvision's modules in float32 as a user runs them, with the C library's
allocator as it is; in the other this project's as its jobs run them, after `keep_freed_memory`. Several clips
are one forward to torchvision; here they go one after the other, or one on each thread. One clip on two
threads is the network alone. The least of the rounds counts, since other processes only ever add to it.
Weights are seeded, not trained, which changes no time; layer scales of the view classifier are drawn from 0.1
to 0.5, because as seeded (1e-6) its blocks are silent and would hide every difference. Three minutes.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
import torch
from machine import heading
from torch import Tensor

from echoprime.networks import (
    ENCODERS,
    VIEW_CLASSIFIERS,
    VideoEncoder,
    ViewClassifier,
    has_bf16,
    keep_freed_memory,
    seeded_state,
)
from echoprime.networks.linear import packing_works
from echoprime.networks.weights import build_network

ROUNDS = 3

BARS = {
    ("mvit_v2_s", "float32", 1): "1.5",
    ("mvit_v2_s", "float32", 4): "2.0",
    ("mvit_v2_s", "bf16", 1): "2.7",
    ("mvit_v2_s", "bf16", 4): "3.5",
    ("convnext_base", "float32", 1): "1.2",
    ("convnext_base", "float32", 4): "1.2",
    ("convnext_base", "bf16", 1): "2.0",
    ("convnext_base", "bf16", 4): "2.0",
}
"""Least ratio of seconds that is wanted."""


class Task(NamedTuple):
    """One forward: of which network, in which precision, of how many clips or frames, on how many threads."""

    network: str
    precision: str
    batch: int
    threads: int


class Answer(NamedTuple):
    """Seconds by the clock, seconds of processor time, and what came out."""

    wall: float
    busy: float
    result: np.ndarray


def state(network: str) -> dict[str, Tensor]:
    """Seeded weights, no block of them silent."""
    draw = torch.Generator().manual_seed(5)
    return {
        key: 0.1 + 0.4 * torch.rand(tensor.shape, generator=draw) if key.endswith("layer_scale") else tensor
        for key, tensor in seeded_state(network, 0).items()
    }


@cache
def given(network: str, batch: int) -> Tensor:
    """Normalised clips or frames, channels innermost in memory."""
    shape = (batch, 16, 224, 224, 3) if network in ENCODERS else (batch, 224, 224, 3)
    values = torch.randn(shape, generator=torch.Generator().manual_seed(6))
    return values.movedim(-1, 1)


@cache
def torchvisions(network: str) -> Callable[[Tensor], Any]:
    """torchvision's module."""
    if network in ENCODERS:
        return build_network(ENCODERS[network], 512, state(network))
    return build_network(VIEW_CLASSIFIERS[network], 11, state(network))


@cache
def ours(network: str, precision: str) -> VideoEncoder | ViewClassifier:
    """This project's network, from its public class."""
    if network in ENCODERS:
        return VideoEncoder(network, state(network), precision=precision)
    return ViewClassifier(network, state(network), precision=precision)


def compute_theirs(task: Task) -> np.ndarray:
    """One forward of all."""
    found: np.ndarray = torchvisions(task.network)(given(task.network, task.batch)).numpy()
    return found


def compute_ours(task: Task) -> np.ndarray:
    """One after the other, one on each thread, or one on all threads."""
    made, values = ours(task.network, task.precision), given(task.network, task.batch)
    if task.batch == 1:
        found: np.ndarray = made._network(values).numpy()
        return found
    return made.embed_normalised(values) if isinstance(made, VideoEncoder) else made.logits_normalised(values)


def serve(tasks: Connection, project: bool) -> None:
    """One side's process: answers tasks until None comes."""
    if project:
        keep_freed_memory()
    compute = compute_ours if project else compute_theirs
    with torch.inference_mode():
        while (task := tasks.recv()) is not None:
            torch.set_num_threads(task.threads)
            given(task.network, task.batch)
            start, busy = time.perf_counter(), time.process_time()
            result = compute(task)
            tasks.send(Answer(time.perf_counter() - start, time.process_time() - busy, result))


def side(project: bool) -> Connection:
    """Start a process of one side."""
    here, there = multiprocessing.Pipe()
    multiprocessing.get_context("spawn").Process(target=serve, args=(there, project), daemon=True).start()
    return here


def asked(tasks: Connection, task: Task) -> Answer:
    """Give one task and wait."""
    tasks.send(task)
    answer: Answer = tasks.recv()
    return answer


def rows(network: str, batch: int, threads: int, precisions: list[str], sides: list[Connection]) -> None:
    """Time torchvision's and this project's in turn; print a row for each precision."""
    theirs, project = sides
    best: dict[str, Answer] = {}
    for _ in range(ROUNDS + (batch == 1)):  # the first round of one clip warms both sides up
        answers = {"": asked(theirs, Task(network, "float32", batch, threads))}
        answers |= {each: asked(project, Task(network, each, batch, threads)) for each in precisions}
        best = {
            each: answer
            if each not in best
            else Answer(min(best[each].wall, answer.wall), min(best[each].busy, answer.busy), answer.result)
            for each, answer in answers.items()
        }
    slow = best[""]
    for precision in precisions:
        fast = best[precision]
        cosines = torch.cosine_similarity(torch.tensor(fast.result), torch.tensor(slow.result))
        cells = (
            *(network, precision, batch, threads, f"{slow.wall:.2f}", f"{fast.wall:.2f}"),
            *(f"**{slow.wall / fast.wall:.2f}**", BARS[network, precision, batch]),
            f"{slow.busy / fast.busy:.2f}",
            *(f"{np.abs(fast.result - slow.result).max():.1e}", f"{float(cosines.min()):.6f}"),
        )
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def main() -> None:
    """Print the table."""
    precisions = ["float32", "bf16"] if has_bf16(torch.device("cpu")) else ["float32"]
    print(heading(__doc__, ["torch", "torchvision"]))
    print(
        "torchvision in eager float32, allocator as it is; this project with freed memory kept; each in a "
        f"process of its own, in turn; least of {ROUNDS} rounds; weights seeded, untrained. Packed linear "
        f"layers: {packing_works()} in float32, {packing_works(torch.bfloat16)} in bfloat16.\n"
    )
    columns = (
        *("network", "precision", "batch", "threads", "torchvision, s", "here, s", "ratio", "bar"),
        *("ratio of processor time", "largest difference", "least cosine"),
    )
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    sides = [side(project=False), side(project=True)]
    for network in ("mvit_v2_s", "convnext_base"):
        for batch in (1, 4):
            for threads in (1, 2):
                rows(network, batch, threads, precisions, sides)
    for each in sides:
        each.send(None)


if __name__ == "__main__":
    main()
