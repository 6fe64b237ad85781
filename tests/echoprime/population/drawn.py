"""An output with drawn tables, as the jobs leave it, and a cohort for it: every count and mean is known."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.storage import Location
from echoprime.tables import ENCODINGS, STUDY_KINDS, StudyTable, interpretations

PHENOTYPES = ["ejection_fraction", "pulmonary_artery_pressure_continuous", "tavr", "pacemaker"]
CALLED = ["tavr"]
NOTICE = "drawn: for tests"
IDENTITY = {"encoding_id": "drawn", "thresholds": {"tavr": 0.5}}


def video(outcome: str = "encoded", reason: str = "", view: str | None = "A4C") -> dict[str, Any]:
    """One video's outcome."""
    encoded = outcome == "encoded"
    return {
        "path": "a/1.dcm", "size": 1, "token": "t", "outcome": outcome, "reason": reason, "message": "",
        "embedding": 0 if encoded else None, "view": view if encoded else None, "frames": 40,
        "frame_time": 20.0 if encoded else None, "manufacturer": "maker" if encoded else None,
    }  # fmt: skip


def study(study_id: str, **known: Any) -> dict[str, Any]:  # columns of two tables
    """One study: `status`, `videos`, `interpreted`, `patient_id` may be given, and any phenotype's value."""
    return {"study_id": study_id, "status": "complete", "videos": [video()], "interpreted": True, **known}


def write_output(
    place: Path,
    studies: Sequence[Mapping[str, Any]],
    listed: Sequence[str] = (),
    kinds: Sequence[str] = STUDY_KINDS,
) -> Path:
    """Tables of these studies; the manifest lists them, and `listed`, which are not encoded.

    The interpretation is of studies of `kinds`.
    """
    encodings = StudyTable.open(Location.parse(place / "encodings"), ENCODINGS, identity=IDENTITY)
    encodings.append(_rows(ENCODINGS, [_encoded(each) for each in studies]))
    stamps = {
        row["study_id"]: row["written_at"] for row in encodings.newest(["study_id", "written_at"]).to_pylist()
    }
    schema = interpretations(PHENOTYPES, CALLED)
    table = StudyTable.open(
        Location.parse(place / "interpretations" / "default"),
        schema,
        identity={**IDENTITY, "study_kinds": list(kinds)},
    )
    rows = [_interpreted(each, stamps[each["study_id"]]) for each in studies if each["interpreted"]]
    table.append(_rows(schema, rows))
    names = [name for each in studies for name in [each["study_id"]] * len(each["videos"])] + list(listed)
    manifest = {"study_id": names, "patient_id": pa.nulls(len(names), pa.string())}
    pq.write_table(pa.table(manifest), place / "manifest.parquet")
    return place


def write_cohort(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A CSV of these rows."""
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def _encoded(each: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "patient_id": None,
        "study_kind": "unknown",
        **each,
        "study_key": each["study_id"],
        "embeddings": [],
        "view_probabilities": [],
    }


def _interpreted(each: Mapping[str, Any], stamp: Any) -> dict[str, Any]:  # a time
    encoded = sum(one["outcome"] == "encoded" for one in each["videos"])
    calls = {f"{name}_call": None if each.get(name) is None else each[name] >= 0.5 for name in CALLED}
    return {
        "study_kind": "unknown", **each, **calls, "study_key": each["study_id"],
        "videos": len(each["videos"]), "videos_encoded": encoded, "views": ["A4C"] * encoded,
        "encoded_at": stamp, "calls_calibrated": False, "report": "", "phenotypes": [], "sections": [],
        "notice": NOTICE,
    }  # fmt: skip


def _rows(schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """What a row does not say is null, and where null may not be, the type's nothing."""
    nothing = {pa.string(): "drawn", pa.int32(): 0}
    filled = [
        {
            field.name: row.get(field.name, None if field.nullable else nothing.get(field.type))
            for field in schema
        }
        for row in rows
    ]
    kept = pa.schema([field for field in schema if field.name != "written_at"])
    return pa.Table.from_pylist([{name: row[name] for name in kept.names} for row in filled], kept)
