"""A candidate set as plain Parquet: one row a candidate, columns that any tool reads, and that come back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.bundle import Lexicon
from echoprime.interpretation.lexicon import decode_report
from echoprime.retrieval import Candidates
from echoprime.retrieval.parts import Part
from echoprime.retrieval.writing import PHRASE
from echoprime.storage import Location

METADATA = b"echoprime.candidates"
"""Key of what a file says of itself: embedding space, lexicon (language, SHA-256), notice, the set's hash and
number of rows; JSON."""

STUDY, PATIENT, EMBEDDING, TEXT, PHRASES = "study_id", "patient_id", "embedding", "report", "phrases"

ROWS_AT_ONCE = 2_048


def plain_schema(candidates: Candidates, facts: Mapping[str, Any], lexicon: Lexicon | None) -> pa.Schema:
    """Columns of an exported set.

    Parameters
    ----------
    candidates
        The set.
    facts
        What the files say of themselves.
    lexicon
        What reports are written in; None = codes alone.

    Returns
    -------
    pyarrow.Schema
        study_id, patient_id (null = unknown), embedding (float32, as many as the set's dimension), a column
        of float64 for each label (null = unknown), report (text; not where no lexicon was given), phrases
        (list of section, phrase, value).
    """
    # a column of nulls would say that no candidate has a report
    text = [] if lexicon is None else [pa.field(TEXT, pa.string())]
    fields = [
        pa.field(STUDY, pa.string(), nullable=False),
        pa.field(PATIENT, pa.string()),
        pa.field(EMBEDDING, pa.list_(pa.float32(), candidates.dimension), nullable=False),
        *(pa.field(name, pa.float64()) for name in candidates.labels),
        *text,
        pa.field(PHRASES, pa.list_(PHRASE)),
    ]
    return pa.schema(fields, metadata={METADATA: json.dumps(facts, sort_keys=True).encode()})


def is_exported(file: Location, schema: pa.Schema, rows: int) -> bool:
    """Whether an earlier export of the same set wrote this file; each appears whole or not at all.

    Parameters
    ----------
    file
        May be missing.
    schema
        From `plain_schema`.
    rows
        That it must have.
    """
    try:
        with pq.ParquetFile(file.path, filesystem=file.arrow_filesystem) as opened:
            found = opened.schema_arrow
            # not by check_metadata, which compares the names of lists' elements too
            same = found.equals(schema) and found.metadata == schema.metadata
            return bool(same and opened.metadata.num_rows == rows)
    except (OSError, pa.ArrowException):
        return False


def plain_batches(part: Part, schema: pa.Schema, lexicon: Lexicon | None) -> Iterator[pa.RecordBatch]:
    """A part's rows as plain columns, some thousands at a time.

    Parameters
    ----------
    part
        From `Candidates.parts`.
    schema
        From `plain_schema`.
    lexicon
        What reports are written in; None = codes alone.
    """
    for first in range(0, len(part), ROWS_AT_ONCE):
        rows = part.table.slice(first, ROWS_AT_ONCE)
        patient = rows.column("patient")
        embeddings = np.ascontiguousarray(part.embeddings[first : first + ROWS_AT_ONCE])
        known = {
            STUDY: rows.column("study"),
            # "" is how the set says that nobody knows
            PATIENT: pc.replace_with_mask(patient, pc.equal(patient, ""), pa.scalar(None, pa.string())),
            EMBEDDING: pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), embeddings.shape[1]),
            PHRASES: rows.column("report").cast(pa.list_(PHRASE)),
        }
        if lexicon is not None:
            known[TEXT] = _texts(rows.column("report"), lexicon)
        columns = [known[name] if name in known else rows.column(f"label_{name}") for name in schema.names]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _texts(reports: Any, lexicon: Lexicon) -> Any:  # noqa: ANN401  # pyarrow has no types
    coded = (
        [(each["section"], each["phrase"], each["value"]) for each in report]
        for report in reports.to_pylist()
    )
    return pa.array([decode_report(lexicon, report) if report else None for report in coded], pa.string())
