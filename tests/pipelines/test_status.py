"""What `status` and `failures` count, from drawn rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from echoprime.storage import Location
from echoprime.tables import ENCODINGS, VIDEO, StudyTable
from pipelines.status import not_encoded, outcomes

SCHEMA = pa.schema([field for field in ENCODINGS if field.name != "written_at"])
SAID = {
    "study_key": "0" * 32, "study_kind": "unknown", "status": "complete", "embeddings": [],
    "view_probabilities": [], "encoding_id": "e", "run_id": "r",
}  # fmt: skip


def append(table: StudyTable, studies: dict[str, list[dict[str, Any]]]) -> None:
    rows = [{**SAID, "study_id": study, "videos": videos} for study, videos in studies.items()]
    table.append(pa.Table.from_pylist(rows, SCHEMA))


def video(path: str, outcome: str, reason: str = "", message: str = "") -> dict[str, Any]:
    values = {"path": path, "outcome": outcome, "reason": reason, "message": message}
    return {field.name: values.get(field.name) for field in VIDEO}


def test_only_newest_rows_count(tmp_path: Path) -> None:
    table = StudyTable.open(Location.parse(tmp_path), ENCODINGS, identity={"encoding_id": "e"})
    failed, still = video("b", "failed", "not_decodable", "odd"), video("c", "skipped", "still")
    append(table, {"s1": [failed, still], "s2": [], "s3": [video("a", "encoded"), still]})
    append(table, {"s1": [video("a", "encoded"), failed, still, still]})
    assert outcomes(table) == {
        ("encoded", ""): 2,
        ("failed", "not_decodable"): 1,
        ("skipped", "still"): 3,
    }
    rows = not_encoded(table).sort_by([("study_id", "ascending"), ("path", "ascending")])
    assert rows.column("study_id").to_pylist() == ["s1", "s1", "s1", "s3"]
    assert rows.column("path").to_pylist() == ["b", "c", "c", "c"]
    assert rows.slice(0, 1).to_pylist()[0] == {
        "study_id": "s1", "path": "b", "outcome": "failed", "reason": "not_decodable", "message": "odd",
    }  # fmt: skip


def test_an_empty_table_has_no_outcomes(tmp_path: Path) -> None:
    table = StudyTable.open(Location.parse(tmp_path), ENCODINGS, identity={"encoding_id": "e"})
    assert outcomes(table) == {}
    assert not_encoded(table).num_rows == 0
    assert all(pa.types.is_string(field.type) for field in not_encoded(table).schema)
