"""Reports by their text and studies by their videos: do they find each other?"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.archive.sorting import connect
from echoprime.errors import SettingError
from echoprime.interpretation.study_tables import read_report_table
from echoprime.retrieval.encoded_studies import read_encoded_studies
from echoprime.retrieval.recall import Ranks, pair_ranks
from echoprime.storage import Location
from echoprime.tables import INTERPRETABLE, StudyTable, newest_rows

TEXTS_AT_ONCE = 256


class TextEncoderLike(Protocol):
    """What is needed of a `TextEncoder`."""

    most: int

    def embed(self, texts: list[str]) -> NDArray[np.float32]: ...
    def lengths(self, texts: list[str]) -> list[int]: ...


class Told(Protocol):
    """Hears how many reports are encoded, and of how many."""

    def __call__(self, step: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, eq=False)
class ReportRecall:
    """What came of it.

    Attributes
    ----------
    ranks
        One of each study that has a report and an encoded video, by `study_id`.
    texts
        Different reports among them.
    cut
        Different reports of which the text encoder read the beginning alone.
    without_report, without_embedding
        Encoded studies that have none.
    not_encoded
        Reports of studies that are not encoded, or not completely.
    """

    ranks: Ranks
    texts: int
    cut: int
    without_report: int
    without_embedding: int
    not_encoded: int


def recall_of_reports(
    encodings: StudyTable, reports: Location, encoder: TextEncoderLike, told: Told
) -> ReportRecall:
    """Rank each study's own report among all, and each report's own study.

    Parameters
    ----------
    encodings
        The table; studies that are incomplete are left out.
    reports
        CSV, see `read_report_table`; empty ones count as none.
    encoder
        Of the same embedding space.
    told
        Hears of the reports.

    Raises
    ------
    UserError
        The CSV is not as it should be, or names fewer than two of the encoded studies.
    """
    with tempfile.TemporaryDirectory(prefix="echoprime-recall-") as folder:
        scratch = Path(folder)
        keys = newest_rows(encodings.keys())
        whole = keys.filter(pc.is_in(keys["status"], pa.array(INTERPRETABLE)))
        texts = _texts(reports, scratch)
        chosen = whole.filter(pc.is_in(whole["study_id"], pa.array(list(texts), pa.string()))).sort_by(
            "study_id"
        )
        found = read_encoded_studies(encodings, chosen, scratch)
        studies = chosen["study_id"].take(pa.array(found.kept)).to_pylist()
        if len(studies) < 2:
            raise SettingError(
                f"{reports}: {len(studies)} of its {len(texts):,} reports are of studies that are encoded in "
                f"{encodings.location}; two at least are needed, and study_id must be written as there"
            )
        # each different report is read once: the same words are the same numbers
        order: dict[str, int] = {}
        same = np.array([order.setdefault(texts[study], len(order)) for study in studies], np.int64)
        vectors, cut = _encoded(list(order), encoder, told)
        ranks = pair_ranks(found.embeddings[found.kept], vectors[same], same)
    return ReportRecall(
        ranks=ranks,
        texts=len(order),
        cut=cut,
        without_report=len(whole) - len(chosen),
        without_embedding=len(chosen) - len(studies),
        not_encoded=len(texts) - len(chosen),
    )


def _texts(reports: Location, scratch: Path) -> dict[str, str]:
    """Study -> report."""
    connection = connect(scratch)
    try:
        table = read_report_table(connection, reports, scratch)
        query = f"SELECT study_id, report FROM {table.table} WHERE report IS NOT NULL"
        return dict(connection.execute(query).fetchall())
    finally:
        connection.close()


def _encoded(texts: list[str], encoder: TextEncoderLike, told: Told) -> tuple[NDArray[np.float32], int]:
    """float32 (texts, 512), and how many were longer than the encoder reads."""
    parts, cut = [], 0
    for first in range(0, len(texts), TEXTS_AT_ONCE):
        here = texts[first : first + TEXTS_AT_ONCE]
        cut += sum(length > encoder.most for length in encoder.lengths(here))
        parts.append(encoder.embed(here))
        told("reports", first + len(here), len(texts))
    return np.concatenate(parts), cut
