"""What `export` writes: every value's evidence as flat columns, as the table has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from echoprime.bundle import Bundle
from echoprime.interpretation import StudyClips
from echoprime.tables.evidence_types import PHENOTYPE
from pipelines.export import export_tables
from pipelines.exported_lists import LISTS
from pipelines.settings import ExportSettings
from tests.interpreted import write_interpretations

VIEWS = [np.array([2, 2, 0]), np.array([3]), np.zeros(0, int)]


@pytest.fixture(scope="module")
def exported(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    studies = [
        (f"s-{number}", rng.standard_normal((len(views), 512)).astype(np.float32), views)
        for number, views in enumerate(VIEWS)
    ]
    clips = [
        StudyClips(rng.standard_normal((3 * len(views), 512)).astype(np.float32), np.full(len(views), 3))
        for views in VIEWS
    ]
    table = place / "out" / "interpretations" / "default"
    write_interpretations(table, bundle, studies, influence=True, clips=clips)
    export_tables(ExportSettings(output=str(place / "out"), directory=str(place / "plain")))
    return place / "plain" / "interpretations"


def test_a_row_for_each_study_and_phenotype(exported: Path, bundle: Bundle) -> None:
    flat = pd.read_csv(
        exported / "default-evidence" / "phenotypes.csv", keep_default_na=False, na_values=[""]
    )
    assert flat.columns.tolist() == LISTS["phenotypes"].schema.names
    rows = pq.read_table(exported / "default.parquet").to_pylist()
    pairs = [(row, each) for row in rows for each in row["phenotypes"]]
    assert len(flat) == len(pairs) == len(VIEWS) * len(bundle.phenotypes)
    for line, (row, each) in zip(flat.to_dict("records"), pairs, strict=True):
        assert (line["study_id"], line["study_key"]) == (row["study_id"], row["study_key"])
        assert line["notice"] == row["notice"]
        for field in PHENOTYPE:
            if field.name not in ("videos", "views", "clips", "sets"):
                told = None if pd.isna(line[field.name]) else line[field.name]
                assert told == (each[field.name] or None if field.name == "reason" else each[field.name])


def test_shares_and_values_without_are_texts_of_numbers(exported: Path) -> None:
    flat = pd.read_csv(exported / "default-evidence" / "phenotypes.csv", dtype=str, keep_default_na=False)
    rows = pq.read_table(exported / "default.parquet").to_pylist()
    pairs = [each for row in rows for each in row["phenotypes"]]

    def said(value: float | None) -> str:
        return "" if value is None else str(float(value))

    some = 0
    for line, each in zip(flat.to_dict("records"), pairs, strict=True):
        shares = [float(share) for share in line["video_shares"].split(";") if share]
        assert shares == [video["share"] for video in each["videos"]]
        views = dict(pair.split("=") for pair in line["view_shares"].split(";") if pair)
        assert {name: float(share) for name, share in views.items()} == {
            view["view"]: view["share"] for view in each["views"]
        }
        for name, field in (("set_neighbours", "neighbours"), ("set_labelled", "labelled")):
            assert line[name] == ";".join(f"{part['set']}={part[field]}" for part in each["sets"])
        without = [video["value_without"] for video in each["videos"]]
        told = line["values_without_video"].split(";")
        if any(value is not None for value in without):
            assert [said(float(value)) if value else "" for value in told] == [
                said(value) for value in without
            ]
            some += 1
        else:
            assert told == [""]
    assert some > 5


def test_values_by_clip_are_columns(exported: Path) -> None:
    flat = pd.read_csv(exported / "default-evidence" / "phenotypes.csv")
    rows = pq.read_table(exported / "default.parquet").to_pylist()
    pairs = [each for row in rows for each in row["phenotypes"]]
    some = 0
    for line, each in zip(flat.to_dict("records"), pairs, strict=True):
        spread = each["clips"] or dict.fromkeys(("values", "min", "max", "sd", "stable"))
        for name in ("min", "max", "sd", "stable"):
            told = line[f"clip_{name}"]
            assert (None if pd.isna(told) else told) == spread[name]
        values = [] if pd.isna(line["clip_values"]) else str(line["clip_values"]).split(";")
        assert [float(value) if value else None for value in values] == (spread["values"] or [])
        some += len(values)
    assert some >= 3 * 10


def test_the_wide_csv_has_no_nested_columns(exported: Path) -> None:
    wide = pd.read_csv(exported / "default.csv")
    assert len(wide) == len(VIEWS)
    assert "ejection_fraction" in wide.columns
    assert not {"phenotypes", "sections", "views", "report"} & set(wide.columns)
