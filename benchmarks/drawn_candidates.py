"""A candidate set of any size, drawn: embeddings with clusters and duplicates, reports, labels; as files."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.retrieval import CandidateSet, write_candidates
from echoprime.retrieval.writing import FORMAT, file_name

DIMENSION = 512
LABELS = tuple(f"label_{number}" for number in range(21))
SECTIONS = 15
POOL = 2_000
"""Distinct reports; every candidate has one of them."""

CLUSTERS = 2_000
DUPLICATES = 0.02
"""Share of rows that are a copy of another one."""

AT_ONCE = 65_536


@dataclass(frozen=True)
class Spectrum:
    """Embeddings whose variance falls along rotated axes as `i ** -decay`, around a common direction.

    Attributes
    ----------
    decay
        0 = the same in every direction; 1 = as 1/i.
    common
        Share of the square norm that all rows have in common.
    seed
        Of everything that is drawn.
    """

    decay: float
    common: float = 0.3
    seed: int = 0

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (count, 512): deviations from the common direction, of mean square norm 1."""
        scale = np.arange(1, DIMENSION + 1) ** (-self.decay / 2)
        scale = (scale / np.linalg.norm(scale)).astype(np.float32)
        turned = rng.standard_normal((count, DIMENSION), np.float32) * scale
        drawn: NDArray[np.float32] = turned @ _rotation(self.seed)
        return drawn

    def unit(self, deviations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors around the common direction."""
        mean = _rotation(self.seed)[-1] * math.sqrt(self.common)
        rows = deviations * np.float32(math.sqrt(1 - self.common)) + mean
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


@cache
def _rotation(seed: int) -> NDArray[np.float32]:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((DIMENSION, DIMENSION)))
    return rotation.astype(np.float32)


def embeddings(spectrum: Spectrum, out: NDArray[np.float32], file: int = 0) -> None:
    """Fill `out`: a centre and as much of the row's own, a few zero rows, some rows copied from others."""
    centres = spectrum.draw(CLUSTERS, np.random.default_rng(spectrum.seed + 1))
    rng = np.random.default_rng([spectrum.seed + 1, file])
    for first in range(0, len(out), AT_ONCE):
        count = min(AT_ONCE, len(out) - first)
        own = spectrum.draw(count, rng)
        rows = spectrum.unit((own + centres[rng.integers(0, CLUSTERS, count)]) * np.float32(math.sqrt(0.5)))
        copies = np.flatnonzero(rng.random(count) < DUPLICATES)
        rows[copies] = rows[rng.integers(0, count, len(copies))]
        rows[0] = 0
        out[first : first + count] = rows


def queries(
    spectrum: Spectrum, rows: NDArray[np.float32], studies: int, seed: int = 5
) -> NDArray[np.float32]:
    """float32 (studies * 15, 512): unit vectors near some candidate, each section its own way."""
    rng = np.random.default_rng(seed)
    near = rows[np.sort(rng.integers(0, len(rows), studies))]
    own = spectrum.unit(spectrum.draw(studies * SECTIONS, rng))
    mixed = np.repeat(near, SECTIONS, axis=0) * np.float32(0.8) + own * np.float32(0.5)
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    return mixed


def section_labels() -> NDArray[np.int64]:
    """int (15, 2): label columns of each section, -1 = none; 21 labels in all."""
    columns = np.full((SECTIONS, 2), -1)
    columns[:, 0] = np.arange(SECTIONS)
    columns[: len(LABELS) - SECTIONS, 1] = np.arange(SECTIONS, len(LABELS))
    return columns


@contextmanager
def drawn_set(folder: Path | None, rows: int, spectrum: Spectrum) -> Iterator[tuple[CandidateSet, Path]]:
    """The set that lies in the folder, written where there is none; without a folder for this once."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        there = (place / "candidates.json").exists()
        yield CandidateSet.open(place) if there else write(place, rows, spectrum), place


def write(directory: Path, rows: int, spectrum: Spectrum, files: int = 1) -> CandidateSet:
    """Write the set in the bundle's format; the reports of a small set are taken over and over."""
    directory.mkdir(parents=True, exist_ok=True)
    reports = _pool(spectrum.seed)
    per_file = math.ceil(rows / files)
    rng = np.random.default_rng(spectrum.seed + 2)
    for number in range(files):
        count = min(per_file, rows - number * per_file)
        matrix = np.lib.format.open_memmap(
            directory / file_name("embeddings", number, files), "w+", np.float32, (count, DIMENSION)
        )
        embeddings(spectrum, matrix, number)
        matrix.flush()
        table = _table(reports, number * per_file, count, rng)
        path = str(directory / file_name("studies", number, files))
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_batch(table)
    content = {
        "format": FORMAT,
        "rows": rows,
        "dimension": DIMENSION,
        "rows_per_file": per_file,
        "files": files,
        "largest_norm": 1.0 + 1e-5,  # unit vectors, rounded
        "labels": list(LABELS),
        "embedding_space": "drawn",
    }
    (directory / "candidates.json").write_text(json.dumps(content))
    return CandidateSet.open(directory)


def _pool(seed: int) -> pa.RecordBatch:
    """Reports of about 30 phrases; a section stands in 30 to 100 % of them."""
    rng = np.random.default_rng(seed + 3)
    share = np.linspace(1, 0.3, SECTIONS)
    reports = [
        [
            (section, int(rng.integers(0, 40)), round(float(rng.uniform(1, 90)), 1))
            for section in np.flatnonzero(rng.random(SECTIONS) < share).tolist()
            for _ in range(3)
        ]
        for _ in range(POOL)
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_candidates(
            folder,
            embeddings=np.ones((POOL, DIMENSION), np.float32),
            studies=[""] * POOL,
            labels=np.zeros((POOL, 0)),
            reports=reports,
            label_names=(),
            embedding_space="drawn",
        )
        with pa.OSFile(str(Path(folder) / file_name("studies", 0, 1)), "rb") as file:
            return pa.ipc.open_file(file).get_batch(0)


def _table(reports: pa.RecordBatch, first: int, count: int, rng: np.random.Generator) -> pa.RecordBatch:
    numbers = pa.array(np.arange(first, first + count))
    taken = reports.take(pa.array(rng.integers(0, POOL, count)))
    labels = {
        f"label_{name}": pa.array(rng.random(count), mask=rng.random(count) < 0.5)  # known for half
        for name in LABELS
    }
    columns = {
        "study": numbers.cast(pa.string()),
        "patient": pa.array(np.arange(first, first + count) // 2).cast(pa.string()),
        **labels,
        "report": taken.column("report"),
        "sections": taken.column("sections"),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
