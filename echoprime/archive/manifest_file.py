"""A manifest as a file: opened, checked, and read a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.errors import ArchiveError
from echoprime.storage import Location
from echoprime.tables import MANIFEST, SCHEMA_VERSION
from echoprime.tables.files import group_batches

ROOT = b"echoprime.archive"
VERSION = b"echoprime.schema_version"
STUDY_FROM = b"echoprime.study_from"
STUDIES = b"echoprime.studies"

_CURE = "make it with `echoprime manifest`"

ROWS_PER_GROUP = 100_000
"""Rows that are read at a time: some 10 MB."""


@dataclass(frozen=True)
class Manifest:
    """A manifest: one row per video, sorted by (study_id, path).

    Attributes
    ----------
    location
        The Parquet file.
    root
        The archive: paths are below it.
    rows, studies
        Videos and studies in it.
    study_from
        "folder", "dicom", "list", or the name of a data set; a list says what of an archive is looked at.
    """

    location: Location
    root: Location
    rows: int
    studies: int
    study_from: str

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows in order, at most a row group in memory."""
        names = list(columns) if columns is not None else MANIFEST.names
        filesystem = self.location.arrow_filesystem
        with pq.ParquetFile(self.location.path, filesystem=filesystem) as file:
            yield from group_batches(file, 16_384, names)


def open_manifest(location: Location) -> Manifest:
    """Open a manifest and check that it is one.

    Raises
    ------
    ArchiveError
        It is missing, no manifest, or of another schema version.
    """
    location.require_reachable("manifest", ArchiveError, must_exist=True)
    try:
        with pq.ParquetFile(location.path, filesystem=location.arrow_filesystem) as file:
            facts = file.metadata.metadata or {}
            schema, rows = file.schema_arrow, int(file.metadata.num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise ArchiveError(
            f"manifest {location}: not a Parquet file ({type(error).__name__}); {_CURE}"
        ) from None
    # types too: where Ray is imported, a column of its "pickled object" type would run what it holds
    if ROOT not in facts or schema.names != MANIFEST.names or schema.types != MANIFEST.types:
        raise ArchiveError(f"manifest {location}: not a manifest of this software; {_CURE}")
    version = facts.get(VERSION, b"").decode()
    if version != str(SCHEMA_VERSION):
        raise ArchiveError(
            f"manifest {location}: schema version {version!r}, this software reads {SCHEMA_VERSION}; {_CURE}"
        )
    return Manifest(
        location=location,
        root=Location.parse_archive(facts[ROOT].decode()),
        rows=rows,
        studies=int(facts.get(STUDIES, b"0")),
        study_from=facts.get(STUDY_FROM, b"").decode(),
    )
