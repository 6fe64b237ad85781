"""Small candidate sets with ties, and the answers to them by brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from echoprime.retrieval import CandidateSet, write_candidates
from echoprime.retrieval.parts import Part, Rows
from echoprime.retrieval.scan import Excluded

LABELS = ("first", "second", "third")

NOBODY = Excluded(np.zeros(0, np.int64), np.zeros(0, np.int64))
"""No row is left out."""


def rows_of(matrix: np.ndarray, parts: int = 1) -> Rows:
    """A matrix as rows without reports, in so many parts."""
    pieces, first = [], 0
    for piece in np.array_split(matrix, parts):
        table = pa.RecordBatch.from_arrays([pa.array(np.zeros(len(piece), np.uint32))], names=["sections"])
        pieces.append(Part(first, np.ascontiguousarray(piece), table))
        first += len(piece)
    return Rows(pieces)


def drawn_matrix(
    rng: np.random.Generator, rows: int, dimension: int, decay: float, scale: float
) -> np.ndarray:
    """Rows that lie near few directions, some zero, some twice, some tiny."""
    spread = np.arange(1, dimension + 1) ** -decay
    rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    matrix = (rng.standard_normal((rows, dimension)) * spread @ rotation * scale).astype(np.float32)
    matrix[::7] = 0
    matrix[1::5] *= np.float32(1e-6)
    matrix[2::9] = matrix[0::9][: len(matrix[2::9])]
    return matrix


class Drawn:
    """A candidate set of `rows` rows on disk, and the same in memory; `heaps`: like ones together."""

    def __init__(
        self,
        directory: Path,
        rows: int,
        files: int,
        seed: int,
        distinct: int | None = None,
        heaps: bool = False,
    ) -> None:
        rng = np.random.default_rng(seed)
        pool = rng.standard_normal((distinct or max(rows, 1), 32)).astype(np.float32)
        self.embeddings = pool[rng.integers(0, len(pool), rows)] if distinct else pool[:rows]
        if heaps:
            self.embeddings = self.embeddings * np.linspace(8, 1, 32, dtype=np.float32)
            self.embeddings = self.embeddings[np.argsort(self.embeddings[:, 0])]
        self.studies = [f"s{number % 7}-{number}" if number % 3 else "shared" for number in range(rows)]
        self.patients = ["" if number % 4 == 0 else f"p{number % 5}" for number in range(rows)]
        self.labels = np.where(rng.random((rows, 3)) < 0.3, np.nan, rng.random((rows, 3)))
        # Section 1 is rare, section 2 is in no report, section 0 comes twice in some.
        self.reports = [
            [(0, 1, 0.5), (3, 0, "text"), (0, 2, float("nan"))] * (number % 2)
            + ([(1, number % 9, number)] if number % 13 == 5 else [])
            for number in range(rows)
        ]
        write_candidates(
            directory,
            embeddings=self.embeddings,
            studies=self.studies,
            patients=self.patients,
            labels=self.labels,
            reports=self.reports,
            label_names=LABELS,
            embedding_space="drawn",
            shard_files=files,
        )
        self.set = CandidateSet.open(directory)

    def brute(
        self, query: np.ndarray, k: int, study: str = "", patient: str = "", section: int | None = None
    ) -> list[tuple[float, int]]:
        """(score, row) of the k best, one row at a time in float64."""
        wide = query.astype(np.float64)
        scored = []
        for row in range(len(self.studies)):
            if study and self.studies[row] == study:
                continue
            if patient and self.patients[row] == patient:
                continue
            if section is not None and all(phrase[0] != section for phrase in self.reports[row]):
                continue
            score = (self.embeddings[row : row + 1].astype(np.float64) * wide).sum(axis=1)[0]
            scored.append((-score, row))
        return [(-score, row) for score, row in sorted(scored)[:k]]
