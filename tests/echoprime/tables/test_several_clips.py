"""A table with the clips of its videos: what is done to any table of encodings is done to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from echoprime.bundle import VIEWS
from echoprime.errors import TableError
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, StudyTable, encodings

SCHEMA = encodings(3)
IDENTITY = {"encoding_id": "e", "clips_per_video": 3}


def rows(*studies: str, key: str = "k") -> pa.Table:
    rng = np.random.default_rng(0)
    made = []
    for study in studies:
        clips = [[{"start": 10 * n, "embedding": rng.standard_normal(512)} for n in range(m)] for m in (3, 1)]
        made.append(
            {
                "study_id": study, "study_key": key, "study_kind": "unknown", "status": "complete",
                "videos": [{"path": f"{study}/{n}", "outcome": "encoded", "embedding": n} for n in range(2)],
                "embeddings": [np.mean([clip["embedding"] for clip in video], axis=0) for video in clips],
                "clips": clips, "view_probabilities": [[1.0] + [0.0] * (len(VIEWS) - 1)] * 2,
                "encoding_id": "e", "run_id": "r",
            }
        )  # fmt: skip
    return pa.Table.from_pylist(made, pa.schema([each for each in SCHEMA if each.name != "written_at"]))


def test_clips_outlive_every_change(tmp_path: Path) -> None:
    table = StudyTable.open(Location.parse(tmp_path / "t"), SCHEMA, identity=IDENTITY)
    table.append(rows("a", "b"))
    table.append(rows("c"))
    expected = [*rows("a", "b")["clips"].to_pylist(), *rows("c")["clips"].to_pylist()]
    keys = table.keys().filter(pa.compute.equal(table.keys()["study_id"], "a"))
    table.mark(keys.select(["study_id", "written_at"]).append_column("status", pa.array(["vanished"])))
    patient = keys.select(["study_id", "written_at"]).append_column("patient_id", pa.array(["p"]))
    assert table.revise(patient) == 1
    table.append(rows("b", key="other"))
    assert table.drop_superseded() == 1
    table.compact()
    found = StudyTable.existing(Location.parse(tmp_path / "t")).newest()
    assert found.schema.equals(SCHEMA)
    again = rows("b")["clips"].to_pylist()
    assert found["clips"].to_pylist() == [expected[0], again[0], expected[2]]
    assert found["status"].to_pylist() == ["vanished", "complete", "complete"]
    assert found["patient_id"].to_pylist() == ["p", None, None]


def test_a_table_without_them_is_as_it_was(tmp_path: Path) -> None:
    """It is read and written as ever, and never given a column."""
    place = Location.parse(tmp_path / "t")
    StudyTable.open(place, ENCODINGS, identity={"encoding_id": "e"})
    assert StudyTable.open(place, encodings(), identity={"encoding_id": "e"}).schema is ENCODINGS
    with pytest.raises(TableError, match="clips_per_video is not set there and 3 here"):
        StudyTable.open(place, SCHEMA, identity=IDENTITY)
