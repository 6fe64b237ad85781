"""Rows go whole, whatever characters stand in them, and all others stay byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.interpretation.plain_candidates import METADATA
from echoprime.interpretation.plain_facts import SaidFile, require_whole, said_by
from echoprime.storage import Location
from echoprime.withdrawal import Traces
from echoprime.withdrawal.plain_files import take_out

TRACES = Traces(frozenset({"echo-0001"}))
ENDS = "\x0b\x0c\x1c\x85\u2028\u2029"
"""Python ends a line at each of these; CSV and JSON lines do not."""


@pytest.mark.parametrize("end", ENDS)
def test_no_character_within_a_value_ends_its_row(tmp_path: Path, end: str) -> None:
    rows = [f"{study},before{end}after {study[-1]},{end}\r\n" for study in ("echo-0001", "echo-0002")]
    lines = [f'{{"study": "{study}", "said": "before{end}after"}}\n' for study in ("echo-0001", "echo-0002")]
    for name, head, content in (("rows.csv", "study_id,a,b\r\n", rows), ("log.jsonl", "", lines)):
        place = Location.parse(tmp_path / name)
        place.write_bytes((head + "".join(content)).encode())
        assert take_out(place, TRACES, dry_run=True) == 1
        assert take_out(place, TRACES) == 1
        assert place.read_bytes().decode() == head + content[1]


def test_an_exported_set_says_how_many_of_its_rows_went(tmp_path: Path) -> None:
    """So that the rest is taken for the whole of it when it is imported, also the second time."""
    said = {"embedding_space": "x", "hash": "h", "rows": 4}
    studies = pa.table({"study_id": ["echo-0001", "echo-0002", "echo-0003", "echo-0004"]})
    place = Location.parse(tmp_path / "rows.parquet")
    pq.write_table(studies.replace_schema_metadata({METADATA: json.dumps(said)}), place.path)
    for number in (1, 2):
        assert take_out(place, Traces(frozenset({f"echo-000{number}"}))) == 1
        left = pq.read_metadata(place.path)
        facts = said_by(left.metadata)
        assert facts == {**said, "withdrawn": number}
        require_whole([SaidFile("rows.parquet", left.num_rows, facts)])
