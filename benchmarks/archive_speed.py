"""Studies an hour of the whole encode job on real loops, against a plain script as published.

    .venv/bin/python benchmarks/archive_speed.py [--loops DIR] [--studies N] [--rounds N]

The plain script reads with pydicom, Pillow and OpenCV (`plain_reading`) and encodes with torchvision's
networks in eager float32, one study after the other, with torch's threads and allocator as they are by
default. The job runs on a local Ray, in float32 and, where the CPU has it, bf16. All do the same work, in
turn in one run: full-size networks, seeded and untrained. The job's time is what a large archive takes more
than its first studies alone, from call to return: so starting Ray and loading weights cancel out, and nothing
else is left out. The plain script is timed over the same further studies. On two cores a round takes five
minutes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median

import numpy as np
import torch
from loops import jpeg_loops
from machine import heading

from echoprime.archive import write_manifest
from echoprime.demonstration import write_demonstration_bundle
from echoprime.errors import SettingError
from echoprime.networks.arithmetic import arithmetic_for
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.encode import encode
from pipelines.settings import EncodeSettings
from pipelines.settings.jobs import Precision

LOOPS_PER_STUDY = 4
FIRST_STUDIES = 4
"""The smaller archive, whose time is taken off."""

PART_OF_ANOTHER = "examples_ybr_color.dcm"
"""pydicom's loop is the beginning of pydicom-data's, under one SOP Instance UID: the job counts it once."""


def lay_out(archive: Path, loops: dict[str, bytes], studies: int) -> int:
    """Write studies of four loops, all loops in turn; return how many loops there are."""
    names = sorted(loops)
    share = min(LOOPS_PER_STUDY, len(names))  # a study has no loop twice: the job would count it once
    for number in range(studies * share):
        name = names[number % len(names)]
        path = archive / f"study-{number // share:03d}" / f"{number:04d}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(loops[name])
    return studies * share


def plain(bundle: str, archive: str, result: Queue[tuple[float, np.ndarray]]) -> None:
    """The plain script, in a process of its own: seconds, and the first study's embeddings."""
    import cv2
    import plain_reading
    import torchvision
    from safetensors.torch import load_file

    from echoprime.bundle import open_bundle
    from echoprime.reading import MEAN, STD

    opened = open_bundle(bundle)
    encoder = torchvision.models.video.mvit_v2_s()
    encoder.head[-1] = torch.nn.Linear(768, 512)
    encoder.load_state_dict(load_file(opened.file(opened.encoder.file)))
    classifier = torchvision.models.convnext_base()
    classifier.classifier[-1] = torch.nn.Linear(1024, 11)
    classifier.load_state_dict(load_file(opened.file(opened.view_classifier.file)))
    encoder.eval()
    classifier.eval()
    mean, std = torch.tensor(MEAN).reshape(3, 1, 1, 1), torch.tensor(STD).reshape(3, 1, 1, 1)
    studies = sorted(path for path in Path(archive).iterdir())
    first: np.ndarray | None = None

    def encode_study(study: Path) -> np.ndarray:
        clips = []
        for path in sorted(study.iterdir()):
            data = path.read_bytes()
            frames = plain_reading.read_dicom(data)
            used = (min(plain_reading.frames_in(data), 32) + 1) // 2
            clip = (torch.from_numpy(frames).permute(3, 0, 1, 2).float() - mean) / std
            clip[:, used:] = 0
            clips.append(clip)
        stack = torch.stack(clips)
        with torch.no_grad():
            embeddings = encoder(stack)
            classifier(stack[:, :, 0]).argmax(dim=1)
        return embeddings.numpy()

    cv2.setNumThreads(-1)  # as it is by default
    for study in studies[:FIRST_STUDIES]:
        found = encode_study(study)
        first = found if first is None else first
    start = time.monotonic()
    for study in studies[FIRST_STUDIES:]:
        encode_study(study)
    assert first is not None
    result.put((time.monotonic() - start, first))


def run_plain(bundle: Path, archive: Path) -> tuple[float, np.ndarray]:
    """Run the plain script."""
    context = multiprocessing.get_context("spawn")
    result: Queue[tuple[float, np.ndarray]] = context.Queue()
    process = context.Process(target=plain, args=(str(bundle), str(archive), result))
    process.start()
    answer = result.get()
    process.join()
    return answer


def run_job(bundle: Path, manifest: Path, output: Path, precision: Precision) -> tuple[float, np.ndarray]:
    """Run the encode job: seconds for the further studies, and the first study's embeddings."""
    seconds = []
    for limit in (FIRST_STUDIES, None):
        place = output / str(limit)
        settings = EncodeSettings(
            manifest=str(manifest), bundle=str(bundle), output=str(place), limit=limit,
            precision=precision, progress=False,
        )  # fmt: skip
        start = time.monotonic()
        encode(settings)
        seconds.append(time.monotonic() - start)
    output = output / "None"
    table = StudyTable.existing(Location.parse(str(output)) / "encodings").newest(["study_id", "embeddings"])
    first = table.sort_by("study_id")["embeddings"][0].as_py()
    return seconds[1] - seconds[0], np.array(first, np.float32)


def least_cosine(some: np.ndarray, others: np.ndarray) -> float:
    """Of rows in pairs."""
    products = (some * others).sum(axis=1)
    return float((products / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)).min())


def sides_here() -> list[Precision]:
    """The job's precisions that this CPU has."""
    try:
        arithmetic_for("bf16", torch.device("cpu"))
    except SettingError:
        return ["float32"]
    return ["float32", "bf16"]


def main() -> None:
    """Lay out, time in turn, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loops", type=Path)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    embeddings: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        archive, bundle, manifest = place / "archive", place / "bundle", place / "manifest.parquet"
        loops = jpeg_loops(asked.loops)
        loops.pop(PART_OF_ANOTHER, None)
        clips = lay_out(archive, loops, asked.studies)
        write_demonstration_bundle(bundle)
        write_manifest(Location.parse(str(archive)), Location.parse(str(manifest)))
        for number in range(asked.rounds):
            spent, embeddings["plain"] = run_plain(bundle, archive)
            seconds.setdefault("plain script, float32", []).append(spent)
            for precision in sides_here():
                output = place / f"{precision}-{number}"
                spent, embeddings[precision] = run_job(bundle, manifest, output, precision)
                seconds.setdefault(f"encode job, {precision}", []).append(spent)
    print(heading(__doc__, ["ray", "torch", "torchvision", "opencv-python-headless", "imagecodecs"]))
    studies = asked.studies - FIRST_STUDIES
    clips = clips * studies // asked.studies
    print(f"{studies} studies, {clips} real loops; seeded, untrained networks of full size; ", end="")
    print(f"median of {asked.rounds} rounds in turn\n")
    print("| | studies an hour | clips a second | times the plain script |\n|---|---|---|---|")
    base = seconds["plain script, float32"]
    for name, times in seconds.items():
        ratio = median(before / after for before, after in zip(base, times, strict=True))
        each = median(times)
        print(f"| {name} | {3600 * studies / each:.0f} | {clips / each:.2f} | {ratio:.2f} |")
    for precision in sides_here():
        found = least_cosine(embeddings["plain"], embeddings[precision])
        print(f"\nLeast cosine of the first study's embeddings, {precision} to plain: {found:.6f}")


if __name__ == "__main__":
    main()
