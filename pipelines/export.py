"""Plain files of every table, for tools that know neither Delta Lake nor nested columns."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from echoprime.storage import Location
from echoprime.tables import StudyTable
from echoprime.tables.schema import VIDEO
from pipelines.checks import file_stem
from pipelines.compact import output_tables
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.exported_lists import LISTS
from pipelines.settings import ExportSettings

NESTED = frozenset({"phenotypes", "sections", "severity", "contradictions", "report", "views"})
"""Columns of an interpretation that its CSV of metrics leaves out."""


def export_tables(settings: ExportSettings) -> int:
    """Write, for an output's tables, under its directory:

    encodings.parquet, videos.parquet (one row a video), and for each interpretation
    interpretations/NAME.parquet, NAME.csv (phenotypes and calls), NAME-evidence/ with phenotypes.csv (one row
    a study and phenotype), severity.csv (one row a structure), sentences.csv (one row a sentence of the
    report) and contradictions.csv, and NAME-reports/STUDY_KEY.txt (no identifier in a file's name; the CSVs
    have both study_id and study_key). No two names write the same file: none of the four endings ends
    another.

    Raises
    ------
    TableError
        There is no table.
    """
    target = Location.parse(settings.directory)
    out = console()
    for name, place in output_tables(Location.parse(settings.output)).items():
        table = StudyTable.existing(place)
        if name == "encodings":
            _write_parquet(target / "encodings.parquet", table.schema, table.newest_batches())
            _write_parquet(target / "videos.parquet", VIDEOS, _videos(table))
            out.print(f"{target / 'encodings.parquet'}, {target / 'videos.parquet'}")
        else:
            _write_parquet(target / f"{name}.parquet", table.schema, table.newest_batches())
            _write_metrics(target / f"{name}.csv", table)
            for kind, each in LISTS.items():
                _write_csv(target / f"{name}-evidence" / f"{kind}.csv", each.schema, each.rows(table))
            reports = _write_reports(target / f"{name}-reports", table)
            lists = ", ".join(f"{kind}.csv" for kind in LISTS)
            out.print(
                f"{target / name}.parquet, .csv, {lists} in {name}-evidence/, and {reports:,} reports in "
                f"{name}-reports/"
            )
    return DONE


VIDEOS = pa.schema([pa.field("study_id", pa.string()), pa.field("study_key", pa.string()), *VIDEO])
"""Columns of videos.parquet."""


def _write_parquet(target: Location, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    with target.writing() as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _videos(table: StudyTable) -> Iterator[pa.RecordBatch]:
    for batch in table.newest_batches(["study_id", "study_key", "videos"]):
        videos = batch["videos"].flatten()
        study = pa.compute.list_parent_indices(batch["videos"])
        columns = [batch["study_id"].take(study), batch["study_key"].take(study), *videos.flatten()]
        yield pa.RecordBatch.from_arrays(columns, schema=VIDEOS)


def _write_metrics(target: Location, table: StudyTable) -> None:
    names = [name for name in table.schema.names if name not in NESTED]
    content = io.BytesIO()
    pyarrow.csv.write_csv(table.newest(names), content)
    target.write_bytes(content.getvalue())


def _write_csv(target: Location, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    with target.writing() as file, pyarrow.csv.CSVWriter(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_reports(target: Location, table: StudyTable) -> int:
    count = 0
    for old in target.names():
        (target / old).remove()
    for batch in table.newest_batches(["study_key", "report", "notice"]):
        for study in batch.to_pylist():
            notice = f"{study['notice']}\n\n" if study["notice"] else ""
            text = notice + study["report"].replace("[SEP]", "\n").rstrip() + "\n"
            (target / f"{file_stem(study['study_key'])}.txt").write_bytes(text.encode())
            count += 1
    return count
