"""The proof looks at what a file holds, whatever it is called, and says what it cannot look into."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.storage import Location
from echoprime.withdrawal import Search, Traces, search
from echoprime.withdrawal.searching import OVERLAP_BYTES, PIECE_BYTES

TRACES = Traces(frozenset({"echo-0001"}))


def write_parquet(path: Path, study: str) -> None:
    pq.write_table(pa.table({"study_id": [study] * 100}), path, compression="zstd", write_statistics=False)


def write_arrow(path: Path, study: str) -> None:
    table = pa.table({"study": [study]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.bak", ".rows.parquet.12.0123abcd"])
@pytest.mark.parametrize("write", [write_parquet, write_arrow])
def test_a_table_by_another_name_is_looked_into(tmp_path: Path, name: str, write: object) -> None:
    if write is write_arrow:
        name = name.replace("parquet", "arrow")
    write(tmp_path / name, "echo-0001")  # type: ignore[operator]
    assert search(Location.parse(tmp_path), TRACES) == Search(1, (name,))
    write(tmp_path / name, "echo-0002")  # type: ignore[operator]
    assert search(Location.parse(tmp_path), TRACES) == Search(1, ())


def test_what_cannot_be_looked_into_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt.gz").write_bytes(gzip.compress(b"echo-0001"))
    write_parquet(tmp_path / "whole.parquet", "echo-0001")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-20])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "whole.parquet").unlink()
    found = search(Location.parse(tmp_path), TRACES)
    assert found == Search(1, (), ("cut.parquet", "notes.txt.gz"))


def test_a_name_between_two_pieces_of_a_large_file_is_found(tmp_path: Path) -> None:
    for at in (PIECE_BYTES - 4, 2 * PIECE_BYTES - OVERLAP_BYTES, 2 * PIECE_BYTES + 5):
        content = bytearray(b"\xff" * (2 * PIECE_BYTES + 100))
        content[at : at + 9] = b"echo-0001"
        (tmp_path / "embeddings.npy").write_bytes(content)
        assert search(Location.parse(tmp_path), TRACES).naming == ("embeddings.npy",)


def test_short_ids_are_found_in_a_tables_log(tmp_path: Path) -> None:
    """JSON in JSON, as Delta writes a file's least and greatest values."""
    (tmp_path / "0.json").write_text(r'{"add":{"stats":"{\"minValues\":{\"study_id\":\"12\"}}"}}')
    assert search(Location.parse(tmp_path), Traces(frozenset({"12"}))).naming == ("0.json",)
    assert search(Location.parse(tmp_path), Traces(frozenset({"1"}))).naming == ()
