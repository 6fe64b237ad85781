"""Nested columns of an interpretation as plain rows: every sentence, grade and contradiction once."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from echoprime.tables.evidence_types import GRADES
from pipelines.export import export_tables
from pipelines.exported_lists import LISTS
from pipelines.settings import ExportSettings
from tests.interpreted import write_interpretations
from tests.tiny import NOTICE, write_tiny_bundle


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
    evidence = place / "default-evidence"
    order = list(dict.fromkeys(row["study_id"] for row in read(evidence / "severity.csv")))
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
        for row in read(evidence / "sentences.csv")
    ]
    severity = read(evidence / "severity.csv")
    assert len(severity) == sum(len(row["severity"]) for row in rows) > 0
    for found, one in zip(severity, [each for row in rows for each in row["severity"]], strict=True):
        assert (found["structure"], found["grade"]) == (one["structure"], one["grade"] or "")
        shares = [found[f"share_{grade.replace(' ', '_')}"] for grade in GRADES]
        assert (
            shares == [""] * 7
            if one["probabilities"] is None
            else list(map(float, shares)) == one["probabilities"]
        )
    contradictions = read(evidence / "contradictions.csv")
    assert len(contradictions) == sum(len(row["contradictions"]) for row in rows)
    metrics = read(place / "default.csv")
    assert {"severity", "sections", "contradictions"}.isdisjoint(metrics[0])
    for kind in LISTS:
        assert {row["notice"] for row in read(evidence / f"{kind}.csv")} <= {NOTICE}


def test_no_name_overwrites_anothers_files(tmp_path: Path) -> None:
    """Names that end as files of another would."""
    bundle = write_tiny_bundle(tmp_path / "bundle", weights=False)
    rng = np.random.default_rng(0)
    names = ["default", *(f"default-{word}" for word in (*LISTS, "evidence", "reports"))]
    for number, name in enumerate(names):
        study = f"of-{number}", rng.standard_normal((2, 512)).astype(np.float32), np.array([2, 3])
        write_interpretations(tmp_path / "out" / "interpretations" / name, bundle, [study])
    export_tables(ExportSettings(output=str(tmp_path / "out"), directory=str(tmp_path / "plain")))
    place = tmp_path / "plain" / "interpretations"
    for number, name in enumerate(names):
        files = [place / f"{name}.csv", *(place / f"{name}-evidence" / f"{kind}.csv" for kind in LISTS)]
        found = {row["study_id"] for file in files for row in read(file)}
        assert found == {f"of-{number}"}
        assert len(list((place / f"{name}-reports").iterdir())) == 1


def test_without_studies_there_are_headers(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle", weights=False)
    write_interpretations(tmp_path / "out" / "interpretations" / "default", bundle, [])
    export_tables(ExportSettings(output=str(tmp_path / "out"), directory=str(tmp_path / "plain")))
    evidence = tmp_path / "plain" / "interpretations" / "default-evidence"
    for kind, each in LISTS.items():
        (header,) = csv.reader((evidence / f"{kind}.csv").read_text().splitlines())
        assert header == each.schema.names
        assert {"study_id", "study_key", "notice"} < set(header)
