"""A drawn release in the official files' formats, of any size: invented reports, labels and embeddings.

    from drawn_release import write_drawn_release
    write_drawn_release(Path("release"), rows=1_230_676)

Everything is written as it is drawn, a few thousand rows at a time: no file is ever held as a whole. The
embeddings lie in clusters, a hundredth of them stand twice, and the reports of one cluster are alike.
"""

from __future__ import annotations

import csv
import json
import pickle
import shutil
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from echoprime.demonstration.bundle import LABEL_SOURCES

ASSETS = Path(__file__).parents[1] / "assets"
OFFICIAL_ROWS = 1_230_676
DIMENSION = 512
BLOCK = 8192
"""Rows drawn at once."""
CLUSTER_ROWS = 300
"""Rows of a cluster, on average."""
BATCH = 1000
"""Items between two marks of a pickle, as Python's own pickler has them."""
FIRST_STUDY = 1_000_000
"""Study numbers are drawn above it: all are pickled as four bytes."""

GRADES = ("No", "Trivial", "Mild", "Mild to moderate", "Moderate", "Moderate to severe", "Severe")
FINDINGS = {
    "Left Ventricle": ("left ventricular dilation", "left ventricular hypertrophy", "diastolic dysfunction"),
    "Right Ventricle": ("right ventricular dilation", "right ventricular systolic dysfunction"),
    "Left Atrium": ("left atrial dilation",),
    "Right Atrium": ("right atrial dilation",),
    "Mitral Valve": ("mitral regurgitation", "mitral stenosis", "mitral annular calcification"),
    "Aortic Valve": ("aortic regurgitation", "aortic stenosis"),
    "Tricuspid Valve": ("tricuspid regurgitation", "tricuspid stenosis"),
    "Pulmonic Valve": ("pulmonic regurgitation",),
    "Pericardium": ("pericardial effusion",),
    "Aorta": ("aortic root dilation",),
}
REMARKS = 40
"""Further phrases of each section; the left ventricle has so many more that numbers take two bytes."""
WORDS = np.array(["septal", "apical", "lateral", "inferior", "anterior", "posterior", "basal"])
CONTINUOUS = {"ejection_fraction": (55, 12, 0.5), "pulmonary_artery_pressure_continuous": (35, 12, 0.6)}
"""Mean, deviation, and share of the studies that have it."""


def write_drawn_release(directory: Path, rows: int = OFFICIAL_ROWS, seed: int = 0) -> Path:
    """Write `assets/` and `model_data/candidates_data/`; no weights.

    Parameters
    ----------
    directory
        Must not be there yet.
    rows
        Candidates.
    seed
        The same seed and rows give the same files, byte for byte.
    """
    phrases = _write_assets(directory / "assets")
    data = directory / "model_data" / "candidates_data"
    data.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    studies = FIRST_STUDY + rng.permutation(rows)
    cluster = rng.integers(0, max(1, rows // CLUSTER_ROWS), rows)
    np.savetxt(data / "candidate_studies.csv", studies, "%d", header="Study", comments="")
    half = -(-rows // 2)
    for number, (first, last) in enumerate(((0, half), (half, rows)), 1):
        _write_embeddings(data / f"candidate_embeddings_p{number}.pt", cluster[first:last], [seed, number])
    with (data / "candidate_reports.pkl").open("wb") as file:
        _write_reports(file, phrases, cluster, np.random.default_rng([seed, 3]))
    with (data / "candidate_labels.pkl").open("wb") as file:
        _write_labels(file, studies, np.random.default_rng([seed, 4]))
    return directory


def lexicon() -> dict[str, dict[str, list[str]]]:
    """Sections, groups and phrases: the demonstration's, grades of findings, and remarks."""
    found: dict[str, dict[str, list[str]]] = json.loads(
        (ASSETS / "demonstration" / "lexicon.json").read_text()
    )
    for section, groups in found.items():
        for finding in FINDINGS.get(section, ()):
            groups[finding.capitalize()] = [f"{grade} {finding}." for grade in GRADES]
        count = REMARKS * (8 if section == "Left Ventricle" else 1)
        groups["Remarks"] = [
            f"Remark {number} on {section.lower()}"
            + ("", " of <numerical> mm", " at <string>")[number % 3]
            + "."
            for number in range(count)
        ]
    return found


def _write_assets(folder: Path) -> list[list[str]]:
    """The five small files; returns each section's phrases."""
    folder.mkdir(parents=True)
    shutil.copyfile(ASSETS / "section_weights.csv", folder / "MIL_weights.csv")
    shutil.copyfile(ASSETS / "thresholds.csv", folder / "roc_thresholds.csv")
    words = lexicon()
    (folder / "all_phr.json").write_text(json.dumps(words, indent=1))
    with (ASSETS / "phenotypes.csv").open() as file:
        phenotypes = [(row["name"], row["section"], row["kind"]) for row in csv.DictReader(file)]
    sections: dict[str, list[str]] = {}
    sources = {}
    for name, section, kind in phenotypes:
        sections.setdefault(section, []).append(name)
        mode = "regression" if kind == "continuous" else "binary"
        stated = [f"{name} of <#>"] if kind == "continuous" else [f"Severe {name.replace('_', ' ')}"]
        sources[name] = LABEL_SOURCES.get(name, {"section": section, "mode": mode, "label_sources": stated})
    (folder / "section_to_phenotypes.pkl").write_bytes(pickle.dumps(sections))
    (folder / "per_section.json").write_text(json.dumps(sources, indent=1))
    return [[phrase for group in groups.values() for phrase in group] for groups in words.values()]


def _write_embeddings(path: Path, cluster: NDArray[np.int64], seed: list[int]) -> None:
    """Unit rows about their cluster's centre, as `torch.save` writes a tensor."""
    rng = np.random.default_rng(seed)
    raw = path.with_suffix(".raw")
    matrix = np.memmap(raw, np.float32, "w+", shape=(len(cluster), DIMENSION))
    for first in range(0, len(cluster), BLOCK):
        here = cluster[first : first + BLOCK]
        block = rng.standard_normal((len(here), DIMENSION), np.float32)
        # a centre is drawn from its number, so that both parts have the same ones
        block += 1.5 * _centres(here)
        twice = rng.integers(0, len(here), (2, len(here) // 100))
        block[twice[0]] = block[twice[1]]
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        matrix[first : first + len(here)] = block
    matrix.flush()
    torch.save(torch.from_numpy(matrix), path)
    del matrix
    raw.unlink()


def _centres(cluster: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32 (rows, 512): signs out of a hash of cluster and column."""
    column = np.arange(DIMENSION, dtype=np.uint64)
    mixed = (cluster.astype(np.uint64)[:, None] + np.uint64(1)) * (
        column * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xBF58476D1CE4E5B9)
    )
    return 1 - 2 * ((mixed >> np.uint64(61)) & np.uint64(1)).astype(np.float32)


def draw_reports(
    phrases: list[list[str]], cluster: NDArray[np.int64], rng: np.random.Generator
) -> Iterator[list[list[tuple[int, int, object]]]]:
    """Coded reports of about 30 phrases, block by block: a number, a word or NaN as each phrase wants."""
    sizes = np.array([len(each) for each in phrases])
    start_of = np.concatenate([[0], sizes.cumsum()])
    wants = np.array([1 if "<n" in each else 2 if "<s" in each else 0 for group in phrases for each in group])
    for first in range(0, len(cluster), BLOCK):
        here = cluster[first : first + BLOCK]
        shape = (len(here), len(sizes))
        counts = np.where(rng.random(shape) < 0.85, 1 + rng.binomial(3, 0.4, shape), 0)
        usual = (here[:, None] * 7919 + np.arange(len(sizes)) * 104729) % sizes
        other = (sizes * rng.random(shape) ** 3).astype(np.int64)
        begin = np.where(rng.random(shape) < 0.7, usual, other)
        section = np.repeat(np.tile(np.arange(len(sizes)), len(here)), counts.ravel())
        ends = counts.ravel().cumsum()
        within = np.arange(ends[-1]) - np.repeat(ends - counts.ravel(), counts.ravel())
        phrase = (np.repeat(begin.ravel(), counts.ravel()) + within) % sizes[section]
        want = wants[start_of[section] + phrase]
        numbers = np.where(want == 1, rng.uniform(1, 80, len(want)).round(1), np.nan)
        values: list[object] = numbers.tolist()
        gaps = np.flatnonzero(want == 2)
        # tolist makes a text of its own for each: pickle then writes each out, and a report stands alone
        for place, word in zip(gaps.tolist(), rng.choice(WORDS, len(gaps)).tolist(), strict=True):
            values[place] = word
        flat = list(zip(section.tolist(), phrase.tolist(), values, strict=True))
        cuts = [0, *ends.reshape(shape)[:, -1].tolist()]
        yield [flat[begin:end] for begin, end in pairwise(cuts)]


def _write_reports(
    file: BinaryIO, phrases: list[list[str]], cluster: NDArray[np.int64], rng: np.random.Generator
) -> None:
    """One pickled list of lists of tuples, protocol 4, written piece by piece."""
    file.write(b"\x80\x04]\x94")
    for block in draw_reports(phrases, cluster, rng):
        for first in range(0, len(block), BATCH):
            items = b"".join(_standing_alone(report) for report in block[first : first + BATCH])
            _write_frame(file, b"(" + items + b"e")
    file.write(b".")


def _standing_alone(report: list[tuple[int, int, object]]) -> bytes:
    """A report's instructions without the pickle's beginning and end: it refers to nothing outside."""
    data = pickle.dumps(report, 4)
    return data[11:-1] if data[2:3] == b"\x95" else data[2:-1]


def _write_frame(file: BinaryIO, content: bytes) -> None:
    file.write(b"\x95" + struct.pack("<Q", len(content)) + content)


def _write_labels(file: BinaryIO, studies: NDArray[np.int64], rng: np.random.Generator) -> None:
    """One pickled dict of phenotype -> {study: value}, protocol 4."""
    with (ASSETS / "phenotypes.csv").open() as source:
        names = [row["name"] for row in csv.DictReader(source)]
    file.write(b"\x80\x04}\x94(")
    for name in names:
        file.write(b"\x8c" + bytes([len(name)]) + name.encode() + b"\x94}\x94")
        known, items = _label_items(name, studies, rng)
        for first in range(0, known, BATCH):
            _write_frame(file, b"(" + items(first, min(first + BATCH, known)) + b"u")
    file.write(b"u.")


def _label_items(
    name: str, studies: NDArray[np.int64], rng: np.random.Generator
) -> tuple[int, Callable[[int, int], bytes]]:
    """How many studies have a label, and the instructions of some of them: J study, then G or K value."""
    if name in CONTINUOUS:
        mean, deviation, share = CONTINUOUS[name]
        mine = studies[rng.random(len(studies)) < share]
        kind = np.dtype([("j", "S1"), ("study", "<i4"), ("g", "S1"), ("value", ">f8")])
        codes: tuple[bytes, bytes] = (b"J", b"G")
        values = np.clip(rng.normal(mean, deviation, len(mine)), 5, 90).round(1)
    else:
        mine = studies
        kind = np.dtype([("j", "S1"), ("study", "<i4"), ("k", "S1"), ("value", "u1")])
        codes = (b"J", b"K")
        values = (rng.random(len(mine)) < rng.uniform(0.02, 0.25)).astype(np.uint8)
    items = np.empty(len(mine), kind)
    for field, column in zip(kind.names or (), (codes[0], mine, codes[1], values), strict=True):
        items[field] = column
    return len(mine), lambda first, last: items[first:last].tobytes()
