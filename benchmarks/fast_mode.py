"""What mode fast does to clips, and through them to embeddings, views and ejection fraction.

    .venv/bin/python benchmarks/fast_mode.py [--loops DIR] > benchmarks/results/fast_mode.md

Loops of DIR (default: the committed one), the scanners' loops that pydicom and pydicom-data bring, and the
demonstration's drawn archive are read in both modes. Clips that differ are encoded twice. The networks are
seeded and untrained: a cosine says how far an embedding moves, and nothing about medicine. Takes three
minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from loops import jpeg_loops
from machine import heading

import echoprime
from echoprime.demonstration import draw_archive, write_demonstration_bundle
from echoprime.networks import keep_freed_memory
from echoprime.reading import Clip, read_file

PHENOTYPE = "ejection_fraction"


def read_both(data: bytes) -> tuple[Clip, Clip] | None:
    """A file's clip in both modes; None where it has none."""
    exact, fast = read_file(data).clip, read_file(data, mode="fast").clip
    assert (exact is None) is (fast is None)
    return None if exact is None or fast is None else (exact, fast)


def difference(exact: Clip, fast: Clip) -> tuple[float, int]:
    """Share of values more than one level apart, and the worst level."""
    apart = np.abs(exact.frames[: exact.used].astype(int) - fast.frames[: exact.used])
    return float((apart > 1).mean()), int(apart.max())


def cosine(model: echoprime.EchoPrime, exact: Clip, fast: Clip) -> tuple[float, bool]:
    """Of the two clips' embeddings; whether their views are the same. Equal clips are not encoded."""
    if np.array_equal(exact.frames, fast.frames):
        return 1.0, True
    both = model.encode_study([exact, fast])
    return float(torch.cosine_similarity(both[0, :512], both[1, :512], dim=0)), bool(
        both[0, 512:].equal(both[1, 512:])
    )


def loops_table(model: echoprime.EchoPrime, loops: dict[str, bytes]) -> Iterator[str]:
    """One row a loop."""
    yield "| loop | values more than 1 level apart | worst level | cosine | same view |\n" + "|---" * 5 + "|"
    for name, data in loops.items():
        pair = read_both(data)
        assert pair is not None
        share, worst = difference(*pair)
        found, same = cosine(model, *pair)
        yield f"| {name} | {share:.1e} | {worst} | {found:.6f} | {'yes' if same else 'no'} |"


def studies_table(model: echoprime.EchoPrime, archive: Path) -> Iterator[str]:
    """One row a study of the demonstration's archive; one whose clips are all the same is not encoded."""
    yield "| study | clips | clips that differ | ejection fraction, exact | fast |\n" + "|---" * 5 + "|"
    for study in sorted(path for path in archive.iterdir() if path.is_dir()):
        files = sorted(path for path in study.rglob("*") if path.is_file())
        pairs = [pair for path in files if (pair := read_both(path.read_bytes())) is not None]
        if not pairs:
            continue
        differ = sum(not np.array_equal(exact.frames, fast.frames) for exact, fast in pairs)
        shown = ["same", "same"]
        if differ:
            both = [model.encode_study([pair[mode] for pair in pairs]) for mode in (0, 1)]
            values = [model.predict_metrics(each)[PHENOTYPE] for each in both]
            shown = ["-" if value is None else f"{value:.2f}" for value in values]
        yield f"| {study.name} | {len(pairs)} | {differ} | {' | '.join(shown)} |"


def main() -> None:
    """Read, encode, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loops", type=Path)
    asked = parser.parse_args()
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        model = echoprime.load(write_demonstration_bundle(place / "bundle"), device="cpu")
        draw_archive(place / "archive")
        print(heading(__doc__, ["opencv-python-headless", "imagecodecs", "torch", "torchvision"]))
        for line in loops_table(model, jpeg_loops(asked.loops)):
            print(line, flush=True)
        print("\nThe demonstration's drawn archive:\n")
        for line in studies_table(model, place / "archive"):
            print(line, flush=True)


if __name__ == "__main__":
    main()
