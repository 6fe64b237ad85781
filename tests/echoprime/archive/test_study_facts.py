"""A list that has learnt a patient, a time or a kind changes rows, and has nothing encoded again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from echoprime.archive import StudyFacts, open_manifest, plan_studies, write_manifest
from echoprime.storage import Location
from echoprime.tables import StudyTable
from tests.echoprime.archive.archives import fill
from tests.encoded import write_encodings
from tests.tiny import write_tiny_bundle

NOW = datetime(2024, 2, 29, tzinfo=UTC)


def table_of(tmp_path: Path, studies: int = 4) -> StudyTable:
    bundle = write_tiny_bundle(tmp_path / "bundle", weights=False)
    return write_encodings(tmp_path / "encodings", bundle, studies, study_kind="unknown")


def by_study(table: StudyTable) -> dict[str, dict[str, Any]]:
    return {row["study_id"]: row for row in table.newest().to_pylist()}


def test_only_what_is_said_and_differs_is_changed(tmp_path: Path) -> None:
    table = table_of(tmp_path)
    before = by_study(table)
    first, second, third, _ = sorted(before)
    facts = StudyFacts(table)
    facts.compare(first, None, None, None)
    facts.compare(second, before[second]["patient_id"], before[second]["acquired_at"], "unknown")
    facts.compare(third, "another", None, "stress")
    facts.compare("of no row", "P", NOW, "stress")
    changed = facts.changed()
    assert changed["study_id"].to_pylist() == [third]
    assert table.revise(changed) == 1
    after = by_study(table)
    assert {study for study in before if before[study] != after[study]} == {third}
    assert (after[third]["patient_id"], after[third]["study_kind"]) == ("another", "stress")
    assert after[third]["written_at"] > max(row["written_at"] for row in before.values())
    taken = ("patient_id", "study_kind", "written_at")
    assert all(after[third][name] == value for name, value in before[third].items() if name not in taken)
    # nothing is left to learn, also with the new stamps
    again = StudyFacts(table)
    again.compare(third, "another", None, "stress")
    assert again.changed().num_rows == 0
    assert table.revise(again.changed()) == 0


def test_planning_compares_studies_that_are_done(tmp_path: Path) -> None:
    table = table_of(tmp_path, 1)
    (study_id,) = by_study(table)
    archive = fill(Location.parse(tmp_path / "archive"), {"a.dcm": b"1", "b.dcm": b"2"})
    (tmp_path / "l.csv").write_text(
        f"path,study_id,patient_id,study_kind\na.dcm,{study_id},,TEE\nb.dcm,new,P2,TTE\n"
    )
    write_manifest(archive, Location.parse(tmp_path / "m.parquet"), study_from=tmp_path / "l.csv")
    manifest = open_manifest(Location.parse(tmp_path / "m.parquet"))
    key = next(study.study_key for study in plan_studies(manifest) if study.study_id == study_id)
    facts = StudyFacts(table)
    planned = list(plan_studies(manifest, done=frozenset({key}), facts=facts))
    assert [study.study_id for study in planned] == ["new"]
    (changed,) = facts.changed().to_pylist()
    assert (changed["study_kind"], changed["patient_id"]) == ("transoesophageal", None)
