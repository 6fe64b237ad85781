"""Clips a second of the video encoder on a GPU, and its share of the card's measured matrix rate.

    python benchmarks/gpu_encoder.py [MICRO_BATCH] [CLIPS]

Needs torch, torchvision and numpy beside this checkout, which PYTHONPATH names; no Ray and no codec. Timed
from uint8 clips in the host's memory to embeddings in it, upload and normalisation included. The matrix rate
is that of one product of 8,192 x 8,192 in bfloat16, on the same card in the same run. torchvision's module
stands beside it, plain and under autocast. Weights are seeded, not trained, which changes no time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch
from gpu_timing import ROUNDS, least_seconds
from machine import heading

from echoprime.networks import ENCODERS, VideoEncoder, has_bf16, normalise_clips, seeded_state
from echoprime.networks.weights import build_network

ARCHITECTURE = "mvit_v2_s"
SIDE = 8192
OPERATIONS = 128.4e9
"""Of a clip in torchvision's order: every multiplication and every addition of matrices and convolutions."""

Embed = Callable[[np.ndarray, np.ndarray], np.ndarray]


def matrix_rate() -> float:
    """Operations a second of one large product in bfloat16."""
    one, other = (torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 10 * 2.0 * SIDE**3 / least_seconds(lambda: [one @ other for _ in range(10)], warm_ups=2)


def torchvisions(micro_batch: int, autocast: bool) -> Embed:
    """torchvision's module in portions, as a plain script would call it."""
    module = build_network(ENCODERS[ARCHITECTURE], 512, seeded_state(ARCHITECTURE, 0)).cuda()

    def embed(frames: np.ndarray, used: np.ndarray) -> np.ndarray:
        found = []
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=autocast):
            for start in range(0, len(frames), micro_batch):
                some = slice(start, start + micro_batch)
                clips = normalise_clips(torch.tensor(frames[some]).cuda(), torch.tensor(used[some]).cuda())
                found.append(module(clips).float().cpu().numpy())
        return np.concatenate(found)

    return embed


def ours(micro_batch: int, precision: str, *, recorded: bool) -> Embed:
    """This project's encoder, as a recorded graph or kernel by kernel."""
    encoder = VideoEncoder(
        ARCHITECTURE, seeded_state(ARCHITECTURE, 0), "cuda", precision=precision, micro_batch=micro_batch
    )
    if not recorded:
        encoder._compute = encoder._embed
    return encoder.embed


def compiled(micro_batch: int) -> Embed:
    """This project's encoder in bfloat16 through `torch.compile`."""
    encoder = VideoEncoder(
        ARCHITECTURE, seeded_state(ARCHITECTURE, 0), "cuda", precision="bf16", micro_batch=micro_batch
    )
    encoder._compute = torch.compile(encoder._embed, dynamic=False)
    return encoder.embed


def main(micro_batch: int = 8, clips: int = 64) -> int:
    """Print the table; 2 where there is no GPU."""
    if not torch.cuda.is_available() or not has_bf16(torch.device("cuda")):
        print("no GPU with bfloat16 is visible: nothing was measured", file=sys.stderr)
        return 2
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (clips, 16, 224, 224, 3), dtype=np.uint8)
    used = np.full(clips, 16)
    rate = matrix_rate()
    print(heading(__doc__, ["torch", "torchvision", "numpy"]))
    print(f"{torch.cuda.get_device_name()}: {rate / 1e12:.0f} TFLOP/s in one bfloat16 product of {SIDE:,}.")
    print(f"{clips} clips in micro-batches of {micro_batch}; least of {ROUNDS} rounds.\n")
    print("| encoder | clips/s | share of the matrix rate | largest difference | least cosine |")
    print("|---" * 5 + "|")
    sides: dict[str, Callable[[], Embed]] = {
        "torchvision, float32": lambda: torchvisions(micro_batch, autocast=False),
        "torchvision, autocast bfloat16": lambda: torchvisions(micro_batch, autocast=True),
        "here, float32, CUDA graph": lambda: ours(micro_batch, "float32", recorded=True),
        "here, bf16, kernel by kernel": lambda: ours(micro_batch, "bf16", recorded=False),
        "here, bf16, CUDA graph": lambda: ours(micro_batch, "bf16", recorded=True),
        "here, bf16, torch.compile": lambda: compiled(micro_batch),
    }
    expected: torch.Tensor | None = None
    for name, make in sides.items():
        embed = make()
        try:
            found = torch.tensor(embed(frames, used))
        except Exception as error:  # a table with a row that says so is worth more than none
            print(f"| {name} | {type(error).__name__} | | | |", flush=True)
            continue
        expected = found if expected is None else expected
        seconds = least_seconds(lambda embed=embed: embed(frames, used), warm_ups=2)  # type: ignore[misc]  # bound now
        share = clips * OPERATIONS / seconds / rate
        cosine = float(torch.cosine_similarity(found, expected).min())
        print(
            f"| {name} | {clips / seconds:.0f} | {share:.0%} | {float((found - expected).abs().max()):.1e} "
            f"| {cosine:.6f} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
