"""Whether a candidate set holds what its release says: read back from its files, row for row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.bundle import Lexicon
from echoprime.errors import BundleError
from echoprime.release.steps import Told, untold
from echoprime.retrieval import CandidateSet
from echoprime.retrieval.parts import Part

ROWS_AT_ONCE = 8192


@dataclass
class Written:
    """What the files must hold.

    Attributes
    ----------
    studies
        int64 (rows,).
    labels
        float64 (rows, labels); NaN = unknown.
    embeddings
        Rows from a first to before a last one: float32 (n, 512).
    lexicon
        That the reports' numbers are in.
    phrases
        Of all reports together; counted while they come.
    """

    studies: NDArray[np.int64]
    labels: NDArray[np.float64]
    embeddings: Callable[[int, int], NDArray[np.float32]]
    lexicon: Lexicon
    phrases: int = 0


def verify_candidates(directory: Path, written: Written, told: Told = untold) -> None:
    """Compare a set with what it was written of: embeddings bit for bit, names, labels, phrases.

    Parameters
    ----------
    directory
        Holds the set.
    written
        What it must hold.
    told
        Hears of the rows.

    Raises
    ------
    BundleError
        Naming the file and what of it differs.
    """
    found = CandidateSet.open(directory)
    sizes = np.array([len(phrases) for phrases in written.lexicon.phrases], np.int64)
    phrases = 0
    for number, part in enumerate(found.parts()):
        last = part.first + len(part)
        wrong = _difference(part, written, found.labels)
        if wrong is None:
            counted = _phrases(part, sizes)
            wrong = "phrases" if counted is None else None
            phrases += counted or 0
        if wrong is not None:
            raise BundleError(
                f"candidates: {wrong} of file {number} of {found.files} read back otherwise than the release "
                "has them; check memory and disk, and import again"
            )
        told("verified", last, found.rows)
    if (found.rows, phrases) != (len(written.studies), written.phrases):
        raise BundleError(
            f"candidates: {found.rows:,} rows with {phrases:,} phrases read back, the release has "
            f"{len(written.studies):,} and {written.phrases:,}; import again"
        )


def _difference(part: Part, written: Written, labels: tuple[str, ...]) -> str | None:
    """What of a part's rows is not as it must be; None = nothing."""
    first, last = part.first, part.first + len(part)
    for start in range(first, last, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, last)
        here = part.embeddings[start - first : stop - first].view(np.uint32)
        # bits, so that -0.0 is not 0.0
        if not np.array_equal(here, written.embeddings(start, stop).view(np.uint32)):
            return "embeddings"
    if not part.table.column("study").cast(pa.int64()).equals(pa.array(written.studies[first:last])):
        return "studies"
    for column, name in enumerate(labels):
        values = part.table.column(f"label_{name}").to_numpy(zero_copy_only=False)
        if not np.array_equal(values, written.labels[first:last, column], equal_nan=True):
            return f"labels of {name}"
    return None


def _phrases(part: Part, sizes: NDArray[np.int64]) -> int | None:
    """Phrases in a part's reports; None where one is not in the lexicon or a row's sections are not these."""
    report = part.table.column("report")
    flat = report.flatten()
    section = flat.field("section").to_numpy(zero_copy_only=False).astype(np.int64)
    phrase = flat.field("phrase").to_numpy(zero_copy_only=False).astype(np.int64)
    if len(flat) and not (section.max() < len(sizes) and (phrase < sizes[section]).all()):
        return None
    owner = np.repeat(np.arange(len(part)), np.asarray(report.value_lengths()).astype(np.int64))
    mask = np.zeros(len(part), np.uint32)
    np.bitwise_or.at(mask, owner, np.uint32(1) << section.astype(np.uint32))
    same = np.array_equal(mask, part.table.column("sections").to_numpy(zero_copy_only=False))
    return len(flat) if same else None
