"""Small archives for tests."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

from echoprime.archive import Manifest, manifest_file
from echoprime.storage import Location
from echoprime.tables import MANIFEST, SCHEMA_VERSION


def fill(place: Location, files: Mapping[str, bytes]) -> Location:
    """Write files below a place."""
    for path, data in files.items():
        (place / path).write_bytes(data)
    return place


def dicom(study: str | None, *, private: int = 0, preamble: bool = True, **elements: str) -> bytes:
    """A small DICOM object.

    Parameters
    ----------
    study
        StudyInstanceUID; None leaves it out.
    private
        Bytes of a private element that stands before the study's UID.
    preamble
        Whether it begins with the preamble and the mark.
    elements
        Further elements by keyword.
    """
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    if study is not None:
        data.StudyInstanceUID = study
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    if private:
        data.private_block(0x0019, "TEST", create=True).add_new(1, "OB", bytes(private))
    data.PixelData = bytes(1000)
    data["PixelData"].VR = "OB"
    target = io.BytesIO()
    data.save_as(target, enforce_file_format=True)
    return target.getvalue() if preamble else target.getvalue()[132:]


def write_rows(file: Path, rows: list[tuple[str, str, int, str]], root: str = "/archive") -> Location:
    """A manifest of (study, path, size, token), as it is: unsorted if they are."""
    columns = list(zip(*rows, strict=True)) or [[], [], [], []]
    nulls = [pa.nulls(len(rows), field.type) for field in list(MANIFEST)[4:]]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, MANIFEST, strict=False)]
    with pq.ParquetWriter(file, MANIFEST) as writer:
        writer.write_table(pa.Table.from_arrays([*arrays, *nulls], schema=MANIFEST), row_group_size=1000)
        writer.add_key_value_metadata(
            {
                manifest_file.ROOT.decode(): root,
                manifest_file.VERSION.decode(): str(SCHEMA_VERSION),
                manifest_file.STUDY_FROM.decode(): "folder",
                manifest_file.STUDIES.decode(): str(len({row[0] for row in rows})),
            }
        )
    return Location.parse(file)


def read_all(manifest: Manifest) -> list[dict]:
    """All rows of a manifest."""
    return [row for batch in manifest.batches() for row in batch.to_pylist()]


def synthetic_rows(file: Path, videos: int, per_study: int) -> Location:
    """A large manifest, written a row group at a time."""
    studies = -(-videos // per_study)
    with pq.ParquetWriter(file, MANIFEST, compression="zstd") as writer:
        for begin in range(0, videos, 100_000):
            numbers = np.arange(begin, min(begin + 100_000, videos))
            study = [f"2024/study-{n:09d}" for n in numbers // per_study]
            path = [f"{s}/1.2.840.113619.{n:012d}.dcm" for s, n in zip(study, numbers, strict=True)]
            token = [f"{n:032x}" for n in numbers]
            arrays = [
                pa.array(study),
                pa.array(path),
                pa.array(numbers * 7),
                pa.array(token),
                pa.nulls(len(numbers), pa.string()),
                pa.nulls(len(numbers), MANIFEST.field("acquired_at").type),
                pa.nulls(len(numbers), pa.string()),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=MANIFEST))
        writer.add_key_value_metadata(
            {
                manifest_file.ROOT.decode(): "/archive",
                manifest_file.VERSION.decode(): str(SCHEMA_VERSION),
                manifest_file.STUDY_FROM.decode(): "folder",
                manifest_file.STUDIES.decode(): str(studies),
            }
        )
    return Location.parse(file)
