"""Archive -> manifest: one Parquet file with a row per video, sorted by (study_id, path).

Listed as a stream, and sorted out of core unless it came in order: 50 million videos take no more memory than
one million.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.archive.data_sets import DATA_SETS
from echoprime.archive.dicomweb_listing import DicomwebListing, StudyFilter
from echoprime.archive.listing import Listing
from echoprime.archive.manifest_file import ROOT, ROWS_PER_GROUP, STUDIES, STUDY_FROM, VERSION
from echoprime.archive.sorting import batches, connect, parquet
from echoprime.archive.study_list import StudyList, join_list, own_list
from echoprime.archive.study_source import Row, by_dicom, by_folder
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from echoprime.tables import MANIFEST, SCHEMA_VERSION, Withdrawn
from echoprime.tables.files import group_batches

STUDY_SOURCES = ("folder", "dicom", *DATA_SETS)
"""What `study_from` may be beside a list's place."""

BATCH = 20_000
"""Listed rows that are kept before they go to the scratch file: a few MB."""


@dataclass(frozen=True, kw_only=True)
class ManifestSummary:
    """What a manifest holds, and what it does not.

    Attributes
    ----------
    location, root
        The manifest, and its archive.
    studies, videos, bytes
        In the manifest.
    patients_known
        Studies whose patient is known.
    study_kinds
        Studies by the kind that a list says; "" = it says none.
    left_out
        Objects of the archive that are not in it, by ending or other cause.
    notes
        Counts worth a line to the user: objects without StudyInstanceUID, rows of a CSV without an object.
    """

    location: Location
    root: Location
    studies: int
    videos: int
    bytes: int
    patients_known: int = 0
    study_kinds: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)


def write_manifest(
    archive: Location,
    manifest: Location,
    *,
    study_from: str | Path | Location = "folder",
    columns: Mapping[str, str] | None = None,
    chosen: StudyFilter | None = None,
    follow_links: bool = False,
    withdrawn: Withdrawn | None = None,
) -> ManifestSummary:
    """List an archive and write its manifest, whole or not at all.

    Parameters
    ----------
    archive
        Folder or prefix, or a DICOMweb service.
    manifest
        Parquet file to write; replaced if it is there.
    study_from
        What makes a study: "folder" (an object's folder below the archive, "." for the archive itself),
        "dicom" (StudyInstanceUID; the folder where there is none), the name of a data set (`DATA_SETS`),
        whose lists lie in the archive, or a list of one's own: CSV or Parquet, see `own_list`.
    columns
        Names of the list's columns where they are others: {"path": "dicom_filepath"}.
    chosen
        Which studies of a DICOMweb service; its studies are its StudyInstanceUIDs where no list says others.
    follow_links
        Whether links that lead out of a folder are followed.
    withdrawn
        Studies and patients that the manifest must not name.

    Raises
    ------
    ArchiveError
        The archive is missing or has no videos, or a list is not what it should be.
    """
    manifest.require_reachable("manifest", ArchiveError)
    notes: Counter[str] = Counter()
    if archive.is_dicomweb:
        listing: DicomwebListing | Listing = DicomwebListing(archive, chosen)
    else:
        listing = Listing(archive, follow_links=follow_links)
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="echoprime-manifest-")))
        connection = opened.enter_context(closing(connect(scratch)))
        # a list is opened before the archive is walked: a wrong column must not cost hours
        named = _named(connection, study_from, archive, scratch, columns or {})
        if isinstance(listing, DicomwebListing):
            rows = listing.rows()
        elif study_from == "dicom":
            rows = by_dicom(archive, listing, notes)
        else:
            rows = by_folder(listing)
        listed, in_order = _write_listed(rows, scratch / "listed.parquet")
        if listed == 0:
            what, cure = "no videos", "correct the path"
            if isinstance(listing, DicomwebListing):
                what, cure = f"no series of {listing.chosen}", "ask for others, or correct the address"
            raise ArchiveError(f"archive {archive}: {what} in it ({_seen(listing.left_out)}); {cure}")
        query = as_listed = f"SELECT * FROM {parquet(scratch / 'listed.parquet')}"
        if named is not None:
            query = join_list(connection, named, scratch, notes)
        if withdrawn:
            query = _without(connection, query, withdrawn, notes)
        source = str(study_from) if study_from in STUDY_SOURCES else "list"
        if isinstance(listing, DicomwebListing):
            notes.update(listing.notes)
            # a part of the service is as a list: what it lacks has not vanished
            source = "dicom" if source in ("folder", "dicom") and listing.chosen.whole else "list"
        if in_order and query == as_listed:
            ordered = _read(scratch / "listed.parquet")
        else:
            ordered = batches(connection, f"SELECT * FROM ({query}) ORDER BY study_id, path", ROWS_PER_GROUP)
        totals = _write_sorted(ordered, scratch, {ROOT: str(archive), STUDY_FROM: source})
        kinds, patients = _said(connection, scratch)
        manifest.put_file(scratch / "manifest.parquet")
    if isinstance(listing, Listing) and listing.packed:
        notes["zip and tar files, whose members are listed"] = listing.packed
    if isinstance(listing, Listing) and listing.damaged:
        notes["of them cannot be read whole, each one more failed video with its reason"] = listing.damaged
    return ManifestSummary(
        location=manifest,
        root=archive,
        **totals,
        patients_known=patients,
        study_kinds=kinds,
        left_out=dict(sorted(listing.left_out.items())),
        notes=dict(notes),
    )


def _named(
    connection: duckdb.DuckDBPyConnection,
    study_from: str | Path | Location,
    archive: Location,
    scratch: Path,
    columns: Mapping[str, str],
) -> StudyList | None:
    """The list that says what a study is; None where folders or headers do."""
    if study_from in DATA_SETS:
        if archive.is_dicomweb:
            raise ArchiveError(
                f"archive {archive}: data set {study_from} is made of files; leave the name out"
            )
        return DATA_SETS[str(study_from)](connection, archive, scratch)
    if study_from in STUDY_SOURCES:
        return None
    return own_list(connection, Location.parse(study_from), archive, scratch, columns)


def _without(
    connection: duckdb.DuckDBPyConnection, query: str, withdrawn: Withdrawn, notes: Counter[str]
) -> str:
    """The query of the rows that stay; all of a withdrawn patient's studies go."""
    theirs: set[str] = set()
    for rows in batches(connection, f"SELECT DISTINCT study_id, patient_id FROM ({query})", BATCH):
        pairs = zip(rows["study_id"].to_pylist(), rows["patient_id"].to_pylist(), strict=True)
        theirs.update(study for study, patient in pairs if withdrawn.names(study, patient))
    notes["studies were withdrawn from this output, left out"] = len(theirs)
    connection.register("withdrawn", pa.table({"study_id": pa.array(sorted(theirs), pa.string())}))
    return f"SELECT listed.* FROM ({query}) listed ANTI JOIN withdrawn USING (study_id)"


def _seen(left_out: Mapping[str, int]) -> str:
    if not left_out:
        return "it is empty"
    return "left out: " + ", ".join(f"{count} {cause}" for cause, count in sorted(left_out.items()))


def _write_listed(rows: Iterable[Row], file: Path) -> tuple[int, bool]:
    """The listing as it comes, to a scratch file; its rows, and whether they stand as a manifest's do."""
    stream, listed, in_order = iter(rows), 0, True
    last: tuple[str, str] = ("", "")
    with pq.ParquetWriter(file, MANIFEST, compression="zstd", compression_level=1) as writer:
        while batch := list(islice(stream, BATCH)):
            places = [last, *((row[0], row[1]) for row in batch)]
            in_order = in_order and all(before < after for before, after in pairwise(places))
            last = places[-1]
            columns = [
                pa.array(column, MANIFEST.field(n).type) for n, column in enumerate(zip(*batch, strict=True))
            ]
            writer.write_batch(pa.record_batch(columns, schema=MANIFEST))
            listed += len(batch)
    return listed, in_order


def _read(file: Path) -> Iterator[pa.Table]:
    """A scratch file's rows as they stand, a group of the manifest at a time."""
    with pq.ParquetFile(file) as listed:
        held: list[pa.RecordBatch] = []
        for batch in group_batches(listed, ROWS_PER_GROUP):
            held.append(batch)
            if sum(map(len, held)) >= ROWS_PER_GROUP:
                yield pa.Table.from_batches(held)
                held = []
        if held:
            yield pa.Table.from_batches(held)


def _said(connection: duckdb.DuckDBPyConnection, scratch: Path) -> tuple[dict[str, int], int]:
    """Studies by kind, as planning will have it, and how many of them are of a known patient."""
    studies = (
        "SELECT coalesce(arg_min(study_kind, path), '') AS kind, bool_or(patient_id IS NOT NULL) AS known "
        f"FROM {parquet(scratch / 'manifest.parquet')} GROUP BY study_id"
    )
    rows = connection.execute(
        f"SELECT kind, count(*), count_if(known) FROM ({studies}) GROUP BY kind ORDER BY kind"
    ).fetchall()
    return {str(kind): int(count) for kind, count, _ in rows}, sum(int(row[2]) for row in rows)


def _write_sorted(ordered: Iterable[pa.Table], scratch: Path, facts: Mapping[bytes, str]) -> dict[str, int]:
    """Rows in order into `scratch/manifest.parquet`; returns studies, videos and bytes."""
    totals = {"studies": 0, "videos": 0, "bytes": 0}
    last = None
    with pq.ParquetWriter(scratch / "manifest.parquet", MANIFEST, compression="zstd") as writer:
        for rows in ordered:
            studies = rows["study_id"].combine_chunks()
            totals["studies"] += pc.sum(pc.not_equal(studies[1:], studies[:-1])).as_py() or 0
            totals["studies"] += studies[0].as_py() != last
            totals["videos"] += rows.num_rows
            totals["bytes"] += pc.sum(rows["size"]).as_py()
            last = studies[-1].as_py()
            writer.write_table(rows.cast(MANIFEST), row_group_size=ROWS_PER_GROUP)
        facts = {**facts, VERSION: str(SCHEMA_VERSION), STUDIES: str(totals["studies"])}
        writer.add_key_value_metadata({key.decode(): value for key, value in facts.items()})
    return totals
