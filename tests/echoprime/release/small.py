"""A release of a few dozen candidates in the official layout, for tests of every package above it."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import torch

from echoprime.release.official import FILES

ASSETS = Path(__file__).parents[2] / "data" / "release" / "assets"

SEPARATE = frozenset(each.path for each in FILES)
"""What is published beside the zip file, by its place in a release folder."""

ROWS = 60
NOBODY_HAS = 14
"""Pulmonary Veins: a section that no candidate's report has."""
ONLY_ROW = (12, 59)
"""IVC: a section that one report has, of a row that is nobody's neighbour."""
UNLABELLED = "tavr"
"""A phenotype that no candidate has a label of."""


def write_small_release(directory: Path, seed: int = 0) -> Path:
    """Candidates 0..9 are each followed, 10 rows on, by an exact copy of their embedding."""
    rng = np.random.default_rng(seed)
    shutil.copytree(ASSETS, directory / "assets", copy_function=shutil.copyfile)
    data = directory / "model_data" / "candidates_data"
    data.mkdir(parents=True)
    embeddings = rng.standard_normal((ROWS, 512)).astype(np.float32)
    embeddings[10:20] = embeddings[:10]
    embeddings[ONLY_ROW[1]] = 0
    cut = ROWS // 2 + 3
    torch.save(torch.from_numpy(embeddings[:cut].copy()), data / "candidate_embeddings_p1.pt")
    torch.save(torch.from_numpy(embeddings[cut:].copy()), data / "candidate_embeddings_p2.pt")
    studies = (1000 + rng.permutation(ROWS)).tolist()
    (data / "candidate_studies.csv").write_text("Study\n" + "\n".join(map(str, studies)) + "\n")
    dump(data / "candidate_reports.pkl", [_report(row, rng) for row in range(ROWS)])
    with (directory / "assets" / "section_to_phenotypes.pkl").open("rb") as stream:
        names = [name for group in pickle.load(stream).values() for name in group]
    dump(data / "candidate_labels.pkl", {name: _labels(name, studies, rng) for name in names})
    return directory


def zip_release(release: Path, target: Path, top: str = "model_data/") -> Path:
    """What the release's zip holds: everything below model_data but the embeddings; and what a Mac adds."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((release / "model_data").rglob("*")):
            name = path.relative_to(release / "model_data").as_posix()
            if path.is_file() and f"model_data/{name}" not in SEPARATE:
                archive.write(path, f"{top}{name}")
        archive.writestr("__MACOSX/model_data/._weights", b"resource fork")
        archive.writestr(f"{top}candidates_data/.DS_Store", b"folder view")
    return target


def dump(path: Path, value: object) -> None:
    """Pickle a value."""
    with path.open("wb") as stream:
        pickle.dump(value, stream)


def _report(row: int, rng: np.random.Generator) -> list[tuple[int, int, object]]:
    report: list[tuple[int, int, object]] = []
    for section in range(16):
        here = row == ONLY_ROW[1] if section == ONLY_ROW[0] else rng.random() < 0.5 and section != NOBODY_HAS
        if here:
            report.append((section, 0, float("nan")))
            if section == 0:
                report.append((0, 5, [60, 49.37, float("nan")][row % 3]))
    return report


def _labels(name: str, studies: list[int], rng: np.random.Generator) -> dict[int, object]:
    if name == UNLABELLED:
        return {}
    if name == "ejection_fraction":
        return {study: round(float(rng.uniform(20, 70)), 1) for study in studies if rng.random() < 0.5}
    return {study: (float("nan") if rng.random() < 0.1 else int(rng.integers(2))) for study in studies}
