"""Every table's columns, and Delta Lake in one place: open, append, read the newest row, compact."""

from __future__ import annotations

from echoprime.tables.delta import StudyTable
from echoprime.tables.evidence_types import (
    NEIGHBOUR,
    NO_LABEL,
    NO_VIDEO_COUNTS,
    NOT_ASSESSABLE,
    NOTHING_ENCODED,
    PHENOTYPE,
    SECTION,
)
from echoprime.tables.identity import interpreted_kinds
from echoprime.tables.lock import OutputLock, WriterLock
from echoprime.tables.newest import newest_rows
from echoprime.tables.opening import table_exists
from echoprime.tables.runs import RunRecord, list_runs, new_run_id
from echoprime.tables.schema import (
    COMPLETE,
    EMBEDDING_LENGTH,
    ENCODINGS,
    INCOMPLETE,
    INTERPRETABLE,
    INTERPRETATIONS_VERSION,
    MANIFEST,
    REGIONS,
    SCHEMA_VERSION,
    STATUSES,
    STUDY_KINDS,
    TIMESTAMP,
    UNKNOWN,
    VANISHED,
    VANISHED_INCOMPLETE,
    VIDEO,
    encodings,
    interpretations,
)
from echoprime.tables.withdrawn import Withdrawn

__all__ = [
    "COMPLETE",
    "EMBEDDING_LENGTH",
    "ENCODINGS",
    "INCOMPLETE",
    "INTERPRETABLE",
    "INTERPRETATIONS_VERSION",
    "MANIFEST",
    "NEIGHBOUR",
    "NOTHING_ENCODED",
    "NOT_ASSESSABLE",
    "NO_LABEL",
    "NO_VIDEO_COUNTS",
    "PHENOTYPE",
    "REGIONS",
    "SCHEMA_VERSION",
    "SECTION",
    "STATUSES",
    "STUDY_KINDS",
    "TIMESTAMP",
    "UNKNOWN",
    "VANISHED",
    "VANISHED_INCOMPLETE",
    "VIDEO",
    "OutputLock",
    "RunRecord",
    "StudyTable",
    "Withdrawn",
    "WriterLock",
    "encodings",
    "interpretations",
    "interpreted_kinds",
    "list_runs",
    "new_run_id",
    "newest_rows",
    "table_exists",
]
