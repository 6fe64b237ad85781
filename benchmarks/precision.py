"""What bfloat16 does to results: the demonstration's archive encoded and interpreted in both precisions.

    .venv/bin/python benchmarks/precision.py > benchmarks/results/precision.md

Every loop of the drawn archive (and pydicom's real one) is read once and encoded twice. The demonstration's
networks are seeded and untrained, so a difference in ejection fraction says how far the neighbours move, and
nothing about medicine. Takes two minutes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from machine import heading

import echoprime
from echoprime.demonstration import draw_archive, write_demonstration_bundle
from echoprime.errors import VideoError
from echoprime.networks import keep_freed_memory
from echoprime.reading import Clip, read_clip

PHENOTYPE = "ejection_fraction"


def clips_of(folder: Path) -> list[Clip]:
    """Every loop below a folder, in the order of paths; what is none is left out."""
    clips = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            clips.append(read_clip(path.read_bytes()))
        except VideoError:
            continue
    return clips


def row(clips: list[Clip], exact: echoprime.EchoPrime, lowered: echoprime.EchoPrime) -> list[float]:
    """Clips, least cosine, largest difference of an embedding, views that differ, both ejection fractions."""
    one, other = exact.encode_study(clips), lowered.encode_study(clips)
    cosines = torch.cosine_similarity(one[:, :512], other[:, :512])
    views = (one[:, 512:] != other[:, 512:]).any(dim=1).sum()
    fractions = [
        np.nan if (value := each.predict_metrics(study)[PHENOTYPE]) is None else value
        for each, study in ((exact, one), (lowered, other))
    ]
    return [
        len(clips),
        float(cosines.min()),
        float((one - other).abs()[:, :512].max()),
        int(views),
        *fractions,
    ]


def main() -> None:
    """Draw, encode twice, print."""
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        studies = draw_archive(place / "archive")
        write_demonstration_bundle(place / "bundle")
        exact, lowered = (
            echoprime.load(place / "bundle", device="cpu", precision=each) for each in ("float32", "bf16")
        )
        print(heading(__doc__, ["torch", "torchvision"]))
        print("Seeded, untrained networks; drawn loops. Ejection fractions are means over 50 candidates.\n")
        print("| study | clips | least cosine | largest difference | other views | EF, float32 | EF, bf16 |")
        print("|---" * 7 + "|")
        found = []
        for study in studies:
            clips = clips_of(place / "archive" / study.study_id)
            if clips:
                found.append(row(clips, exact, lowered))
                count, cosine, difference, views, *both = found[-1]
                print(
                    f"| {study.study_id} | {count} | {cosine:.6f} | {difference:.1e} | {views} "
                    f"| {both[0]:.2f} | {both[1]:.2f} |",
                    flush=True,
                )
    table = np.array(found)
    moved = np.abs(table[:, 4] - table[:, 5])
    print(
        f"\n{int(table[:, 0].sum())} clips: least cosine {table[:, 1].min():.6f}, "
        f"{int(table[:, 3].sum())} views differ; ejection fraction moves by {np.nanmean(moved):.2f} points "
        f"on average, {np.nanmax(moved):.2f} at most."
    )


if __name__ == "__main__":
    main()
