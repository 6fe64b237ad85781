"""Write a candidate set: embeddings as .npy, everything else as Arrow IPC, in several files of equal rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.errors import BundleError
from echoprime.retrieval.hits import SECTION_BITS
from echoprime.retrieval.pairs import NotFiniteError, PairWriter, finished_norm
from echoprime.storage.local_files import write_whole

FORMAT = 1
"""Version of `candidates.json`."""

PHRASE = pa.struct(
    [pa.field("section", pa.uint8()), pa.field("phrase", pa.uint16()), pa.field("value", pa.string())]
)
"""One coded phrase; `value` is the number or string as the report writes it, null = unknown."""

Report = Sequence[tuple[int, int, Any]]
"""A coded report: (section_id, phrase_id, value), value a number, a string or NaN."""


class CandidateWriter:
    """Writes candidates in the order in which they come, holding one file's worth of reports at most.

    Parameters
    ----------
    directory
        Gets `candidates.json`, `embeddings-*.npy` and `studies-*.arrow`.
    rows
        How many candidates there will be.
    labels
        Names of the label columns.
    embedding_space
        See `echoprime.bundle.Bundle`.
    files
        How many pairs of files; shards may span them or take parts of them.
    dimension
        Numbers in an embedding.
    resume
        Keep the pairs of files that an earlier writer of the same candidates finished in `directory`;
        `written` then says with which row to go on.
    """

    def __init__(
        self,
        directory: Path,
        *,
        rows: int,
        labels: Sequence[str],
        embedding_space: str,
        files: int = 1,
        dimension: int = 512,
        resume: bool = False,
    ) -> None:
        self.directory = directory
        self.rows = rows
        self.labels = list(labels)
        self.embedding_space = embedding_space
        self.dimension = dimension
        self.per_file = max(1, math.ceil(rows / files))
        self.count = max(1, math.ceil(rows / self.per_file))
        self.written = 0
        self._norms: list[float] = []
        self._pair: PairWriter | None = None
        directory.mkdir(parents=True, exist_ok=True)
        if resume:
            self._take_finished()

    def append(
        self,
        embeddings: NDArray[np.float32],
        studies: Sequence[str],
        labels: NDArray[np.float64],
        reports: Sequence[Report],
        patients: Sequence[str] | None = None,
    ) -> None:
        """Add the next candidates.

        Parameters
        ----------
        embeddings
            float32 (n, dimension), finite, as published.
        studies
            n names.
        labels
            float64 (n, labels); NaN = unknown.
        reports
            n coded reports.
        patients
            n keys; "" = unknown. None = all unknown.

        Raises
        ------
        BundleError
            When the lengths differ, a value is not finite, or there are more rows than announced.
        """
        n = len(studies)
        if (
            embeddings.shape != (n, self.dimension)
            or labels.shape != (n, len(self.labels))
            or len(reports) != n
        ):
            raise BundleError(
                f"candidates: {n:,} studies, embeddings {embeddings.shape}, labels {labels.shape}, "
                f"{len(reports):,} reports: they must name the same rows"
            )
        if self.written + n > self.rows:
            raise BundleError(f"candidates: more than the {self.rows:,} rows announced")
        patients = [""] * n if patients is None else patients
        first = 0
        while first < n:
            room = self.per_file - self.written % self.per_file
            last = min(n, first + room)
            piece = slice(first, last)
            self._append_to_file(
                embeddings[piece], studies[piece], labels[piece], reports[piece], patients[piece]
            )
            first = last

    def _append_to_file(
        self,
        embeddings: NDArray[np.float32],
        studies: Sequence[str],
        labels: NDArray[np.float64],
        reports: Sequence[Report],
        patients: Sequence[str],
    ) -> None:
        number, start = divmod(self.written, self.per_file)
        if self._pair is None:
            self._pair = PairWriter(*self._names(number), self._rows_of(number), self.dimension)
        try:
            self._pair.append(embeddings, _batch(studies, patients, self.labels, labels, reports))
        except NotFiniteError as error:
            raise NotFiniteError(self.written - start + error.row) from None
        self.written += len(studies)
        if self.written == self.rows or self.written % self.per_file == 0:
            self._pair.finish()
            self._norms.append(self._pair.largest_norm)
            self._pair = None

    def _take_finished(self) -> None:
        while self.written < self.rows:
            number = len(self._norms)
            norm = finished_norm(*self._names(number), self._rows_of(number), self.dimension)
            if norm is None:
                return
            self._norms.append(norm)
            self.written += self._rows_of(number)

    def _names(self, number: int) -> tuple[Path, Path]:
        embeddings, studies = (file_name(kind, number, self.count) for kind in ("embeddings", "studies"))
        return self.directory / embeddings, self.directory / studies

    def _rows_of(self, number: int) -> int:
        return min(self.per_file, self.rows - number * self.per_file)

    def close(self) -> int:
        """Write `candidates.json`; returns the number of rows.

        Raises
        ------
        BundleError
            When fewer rows came than were announced.
        """
        if self.written != self.rows:
            raise BundleError(f"candidates: {self.written:,} rows came, {self.rows:,} were announced")
        content = {
            "format": FORMAT,
            "rows": self.rows,
            "dimension": self.dimension,
            "rows_per_file": self.per_file,
            "files": self.count if self.rows else 0,
            # Rounded up: the search's margin is proven from it.
            "largest_norm": math.nextafter(max(self._norms, default=0.0), math.inf),
            "labels": self.labels,
            "embedding_space": self.embedding_space,
        }
        write_whole(self.directory / "candidates.json", json.dumps(content, indent=1).encode())
        return self.rows


def write_candidates(
    directory: str | Path,
    *,
    embeddings: NDArray[np.float32],
    studies: Sequence[str],
    labels: NDArray[np.float64],
    reports: Sequence[Report],
    label_names: Sequence[str],
    embedding_space: str,
    patients: Sequence[str] | None = None,
    shard_files: int = 1,
) -> int:
    """Write a candidate set that fits memory; see `CandidateWriter` for one that does not.

    Returns
    -------
    int
        Its number of rows.
    """
    writer = CandidateWriter(
        Path(directory),
        rows=len(studies),
        labels=label_names,
        embedding_space=embedding_space,
        files=shard_files,
        dimension=embeddings.shape[1],
    )
    writer.append(embeddings, studies, labels, reports, patients)
    return writer.close()


def file_name(kind: str, number: int, count: int) -> str:
    """Name of one file of a candidate set.

    Examples
    --------
    >>> file_name("embeddings", 3, 8)
    'embeddings-00003-of-00008.npy'
    """
    return f"{kind}-{number:05d}-of-{count:05d}.{'npy' if kind == 'embeddings' else 'arrow'}"


def value_text(value: Any) -> str | None:  # noqa: ANN401  # a number or a string, as the release holds it
    """A report's value as the original writes it; None where it is unknown (NaN).

    Examples
    --------
    >>> value_text(49.37), value_text(60), value_text("septal"), value_text(float("nan"))
    ('49.37', '60', 'septal', None)
    """
    # NaN alone differs from itself.
    return None if value is None or value != value else str(value)


def _batch(
    studies: Sequence[str],
    patients: Sequence[str],
    names: Sequence[str],
    labels: NDArray[np.float64],
    reports: Sequence[Report],
) -> pa.RecordBatch:
    counts = np.array([len(report) for report in reports], np.int64)
    offsets = np.concatenate([[0], counts.cumsum()])
    flat = [phrase for report in reports for phrase in report]
    sections = _small_ints((phrase[0] for phrase in flat), len(flat), "section")
    phrases = _small_ints((phrase[1] for phrase in flat), len(flat), "phrase")
    values = pa.array([value_text(phrase[2]) for phrase in flat], pa.string())
    coded = pa.StructArray.from_arrays(
        [pa.array(sections, pa.uint8()), pa.array(phrases, pa.uint16()), values], fields=list(PHRASE)
    )
    mask = np.zeros(len(reports), np.uint32)
    owner = np.repeat(np.arange(len(reports)), counts)
    np.bitwise_or.at(mask, owner, np.uint32(1) << sections.astype(np.uint32))
    columns = {
        "study": pa.array(studies, pa.string()),
        "patient": pa.array(patients, pa.string()),
        **{
            f"label_{name}": pa.array(
                np.ascontiguousarray(labels[:, column]), pa.float64(), mask=np.isnan(labels[:, column])
            )
            for column, name in enumerate(names)
        },
        "report": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), coded),
        "sections": pa.array(mask, pa.uint32()),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _small_ints(values: Iterable[int], count: int, what: str) -> NDArray[np.int64]:
    numbers = np.fromiter(values, np.int64, count)
    limit = SECTION_BITS if what == "section" else 1 << 16
    if count and not (numbers.min() >= 0 and numbers.max() < limit):
        wrong = numbers[(numbers < 0) | (numbers >= limit)][0]
        raise BundleError(f"candidates: {what} number {wrong} in a report; it must be 0..{limit - 1}")
    return numbers
