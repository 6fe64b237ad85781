"""Nested columns of an interpretation as plain rows: every sentence, grade and contradiction once."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from echoprime.tables.schema import GRADES
from pipelines.export import export_tables
from pipelines.settings import ExportSettings
from tests.interpreted import write_interpretations
from tests.tiny import write_tiny_bundle


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_entry_is_a_row(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle", weights=False)
    rng = np.random.default_rng(0)
    studies = [
        (f"s{n}", rng.standard_normal((n, 512)).astype(np.float32), rng.integers(0, 11, n)) for n in (3, 0, 6)
    ]
    table = write_interpretations(tmp_path / "out" / "interpretations" / "default", bundle, studies)
    export_tables(ExportSettings(output=str(tmp_path / "out"), directory=str(tmp_path / "plain")))
    place = tmp_path / "plain" / "interpretations"
    order = list(dict.fromkeys(row["study_id"] for row in read(place / "default-severity.csv")))
    rows = sorted(table.newest().to_pylist(), key=lambda row: order.index(row["study_id"]))
    sentences = [
        (row["study_id"], section["section"], said["text"], str(said["said_by"]), str(section["report_row"]))
        for row in rows
        for section in row["sections"]
        for said in section["sentences"]
    ]
    assert sentences
    assert sentences == [
        (row["study_id"], row["section"], row["text"], row["said_by"], row["report_row"])
        for row in read(place / "default-sentences.csv")
    ]
    severity = read(place / "default-severity.csv")
    assert len(severity) == sum(len(row["severity"]) for row in rows) > 0
    for found, one in zip(severity, [each for row in rows for each in row["severity"]], strict=True):
        assert (found["structure"], found["grade"]) == (one["structure"], one["grade"] or "")
        shares = [found[f"share_{grade.replace(' ', '_')}"] for grade in GRADES]
        assert (
            shares == [""] * 7
            if one["probabilities"] is None
            else list(map(float, shares)) == one["probabilities"]
        )
    contradictions = read(place / "default-contradictions.csv")
    assert len(contradictions) == sum(len(row["contradictions"]) for row in rows)
    metrics = read(place / "default.csv")
    assert {"severity", "sections", "contradictions"}.isdisjoint(metrics[0])
