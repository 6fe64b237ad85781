"""An object as a file: what is asked for, of the version that was opened."""

from __future__ import annotations

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.storage import Location

pytestmark = pytest.mark.s3


def test_reading_and_seeking(s3_location: Location) -> None:
    data = os.urandom(3_000_000)
    (s3_location / "a b").write_bytes(data)
    with (s3_location / "a b").open() as file:
        assert file.read(10) == data[:10]
        assert file.seek(-5, os.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        assert file.read() == b""
        file.seek(1_000)
        assert file.read() == data[1_000:]


def test_an_object_written_again_is_an_error(s3_location: Location) -> None:
    place = s3_location / "a"
    place.write_bytes(os.urandom(2_000_000))
    with place.open() as file:
        file.read(10)
        place.write_bytes(os.urandom(2_000_000))
        file.seek(1_500_000)
        with pytest.raises(OSError, match="written again"):
            file.read(10)


def test_a_missing_object(s3_location: Location) -> None:
    with pytest.raises(FileNotFoundError):
        (s3_location / "none").open()
    with pytest.raises(FileNotFoundError):
        (s3_location / "none").read_bytes()


def test_parquet_is_read_by_its_columns(s3_location: Location, tmp_path) -> None:
    rows = pa.table({"small": range(1000), "large": [os.urandom(1000) for _ in range(1000)]})
    pq.write_table(rows, tmp_path / "rows.parquet")
    (s3_location / "rows.parquet").write_bytes((tmp_path / "rows.parquet").read_bytes())
    place = s3_location / "rows.parquet"
    found = pq.read_table(place.path, filesystem=place.arrow_filesystem, columns=["small"])
    assert found == rows.select(["small"])
