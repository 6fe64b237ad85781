"""The release's candidates: embeddings, studies, labels and coded reports, row by row into a bundle."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echoprime.bundle import Lexicon, Phenotype
from echoprime.errors import BundleError
from echoprime.release.assets import read_file
from echoprime.release.reports import check_reports, read_reports
from echoprime.release.steps import Told, untold
from echoprime.release.streaming import NotPlain, stream_pickle
from echoprime.release.unpickler import load_pickle
from echoprime.release.verifying import Written, verify_candidates
from echoprime.release.weights import load_tensors
from echoprime.retrieval import CandidateWriter

ROWS_PER_FILE = 160_000
"""So that the official 1,230,676 make 8 files of 300 MB."""

DIMENSION = 512


def write_release_candidates(
    source: Path,
    directory: Path,
    *,
    phenotypes: Sequence[Phenotype],
    lexicon: Lexicon,
    embedding_space: str,
    shard_files: int | None = None,
    told: Told = untold,
) -> int:
    """Read `candidates_data/`, write a candidate set and read it back; returns its number of rows.

    Pairs of files that a killed call finished in `directory` are kept, and the rest is written.

    Parameters
    ----------
    source
        The release's `model_data/candidates_data`.
    directory
        Gets the candidate set.
    phenotypes
        The label columns, in this order.
    lexicon
        That the reports' numbers must be in.
    embedding_space
        See `echoprime.bundle.Bundle`.
    shard_files
        Pairs of files; None = one for each 160,000 rows.
    told
        Hears of the rows.

    Raises
    ------
    BundleError
        Naming the first file that is missing, damaged, or does not fit the others, or of which something
        else was written than it says.
    """
    studies = read_studies(source)
    names = [each.name for each in phenotypes]
    writer = CandidateWriter(
        directory,
        rows=len(studies),
        labels=names,
        embedding_space=embedding_space,
        files=shard_files or -(-len(studies) // ROWS_PER_FILE),
        dimension=DIMENSION,
        resume=True,
    )
    embeddings = read_embeddings(source, len(studies))
    labels = read_labels(source, studies, names)
    source_of = Written(studies, labels, lambda first, last: rows_of(embeddings, first, last), lexicon)
    seen = 0

    def write(reports: list[Any]) -> None:
        nonlocal seen
        check_reports(reports, seen, lexicon)
        source_of.phrases += sum(map(len, reports))
        reports, seen = reports[max(0, writer.written - seen) :], seen + len(reports)
        if reports:
            here = slice(writer.written, writer.written + len(reports))
            block = rows_of(embeddings, here.start, here.stop)
            writer.append(block, [str(each) for each in studies[here].tolist()], labels[here], reports)
        told("candidates", seen, len(studies))

    read_reports(source, len(studies), write)
    rows = writer.close()
    verify_candidates(directory, source_of, told)
    return rows


def rows_of(parts: Sequence[Tensor], first: int, last: int) -> NDArray[np.float32]:
    """Rows `first` to `last` of the parts, one after the other: float32 (last - first, 512), a copy.

    Examples
    --------
    >>> rows_of([torch.zeros(2, 3), torch.ones(2, 3)], 1, 3).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    pieces, start = [], 0
    for part in parts:
        pieces.append(part[max(0, first - start) : max(0, last - start)])
        start += len(part)
    found: NDArray[np.float32] = torch.cat(pieces).numpy()
    return found


def read_studies(source: Path) -> NDArray[np.int64]:
    """`candidate_studies.csv`: int64 (rows,), column `Study`."""
    file = "candidate_studies.csv"
    lines = csv.reader(io.StringIO(read_file(source / file).decode("utf-8-sig")))
    header = next(lines, [])
    if "Study" not in header:
        raise BundleError(f"{file}: no column Study, but {header[:5]}; copy it from the release again")
    column = header.index("Study")
    cells = [line[column] for line in lines if line]
    try:
        return np.array([int(cell) for cell in cells], np.int64)
    except ValueError as error:
        wrong = next(cell for cell in cells if not re.fullmatch(r"\s*[+-]?\d+\s*", cell))
        raise BundleError(f"{file}: study {wrong!r} is no integer; copy it from the release again") from error


def read_embeddings(source: Path, rows: int) -> list[Tensor]:
    """`candidate_embeddings_p1.pt`, `_p2.pt`, ...: memory-mapped float32 (n, 512) each, `rows` in all."""
    numbers = sorted(
        int(found[1])
        for path in source.glob("candidate_embeddings_p*.pt")
        if (found := re.fullmatch(r"candidate_embeddings_p(\d+)\.pt", path.name))
    )
    missing = sorted(set(range(1, max(numbers, default=2) + 1)) - set(numbers))
    if missing:
        raise BundleError(
            f"candidate_embeddings_p{missing[0]}.pt: missing from candidates_data; "
            "download it from the official release"
        )
    parts = []
    for number in numbers:
        file = f"candidate_embeddings_p{number}.pt"
        part = load_tensors(source / file)
        shape = tuple(part.shape) if isinstance(part, Tensor) else None
        if not isinstance(part, Tensor) or part.ndim != 2 or part.shape[1] != DIMENSION:
            raise BundleError(f"{file}: shape {shape}, must be (rows, {DIMENSION}); download it again")
        if part.dtype != torch.float32:
            raise BundleError(f"{file}: {part.dtype}, must be float32; download it again")
        parts.append(part)
    total = sum(len(part) for part in parts)
    if total != rows:
        raise BundleError(
            f"candidate_embeddings_p1 to p{numbers[-1]}: {total:,} rows, candidate_studies.csv has {rows:,}; "
            "a part is missing or of another release: download all of them again"
        )
    return parts


class _Labels:
    """One phenotype's studies and values, as arrays."""

    def __init__(self) -> None:
        self.keys = [np.zeros(0, np.int64)]
        self.values = [np.zeros(0, np.float64)]

    def extend(self, items: list[Any]) -> None:
        """Studies and values in turn."""
        if not all(type(key) is int for key in items[::2]):
            raise NotPlain
        try:
            self.values.append(np.array(items[1::2], np.float64))
        except (TypeError, ValueError):
            raise NotPlain from None
        self.keys.append(np.array(items[::2], np.int64))

    @classmethod
    def of(cls, known: dict[Any, Any], where: str) -> _Labels:
        """From a dict that was read in one piece."""
        labels = cls()
        try:
            labels.keys.append(np.array([int(key) for key in known], np.int64))
            labels.values.append(np.array(list(known.values()), np.float64))
        except (TypeError, ValueError) as error:
            raise BundleError(
                f"{where} has a study or value that is no number; copy it from the release again"
            ) from error
        return labels

    def at(self, studies: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 (studies,): NaN where there is no value."""
        keys, values = np.concatenate(self.keys), np.concatenate(self.values)
        if not len(keys):
            return np.full(len(studies), np.nan)
        order = np.argsort(keys)
        place = np.minimum(np.searchsorted(keys[order], studies), len(keys) - 1)
        return np.where(keys[order][place] == studies, values[order][place], np.nan)


def read_labels(source: Path, studies: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.float64]:
    """`candidate_labels.pkl`: float64 (rows, names), NaN = unknown.

    The pickle maps each phenotype to {study: value}; a study that is not in it is unknown.
    """
    file = "candidate_labels.pkl"
    try:
        content = stream_pickle(source / file, {(1, dict): lambda _: _Labels()})
    except NotPlain:
        content = load_pickle(source / file)
    if not isinstance(content, dict):
        raise BundleError(f"{file}: must map phenotypes to labels; copy it from the release again")
    labels = np.full((len(studies), len(names)), np.nan)
    for column, name in enumerate(names):
        known = content.pop(name, None)
        if isinstance(known, dict):
            known = _Labels.of(known, f"{file}: {name!r}")
        if not isinstance(known, _Labels):
            raise BundleError(f"{file}: no labels for {name!r}; use the files of one release")
        labels[:, column] = known.at(studies)
    return labels
