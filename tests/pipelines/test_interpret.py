"""The interpret job on a real local Ray, always with at least two shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from echoprime import load
from echoprime.bundle import Bundle
from echoprime.errors import BundleError, TableError
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.interpret import interpret
from pipelines.settings import InterpretSettings
from tests.rows import rows
from tests.tiny import NOTICE, phenotypes, write_tiny_bundle

pytestmark = pytest.mark.ray


def settings(bundle: Bundle, output: Path, **more: Any) -> InterpretSettings:
    return InterpretSettings(bundle=str(bundle.location), output=str(output), progress=False, **more)


@pytest.fixture(scope="module")
def interpreted(encoded: Path, bundle: Bundle) -> list[dict[str, Any]]:
    """Rows with two shards."""
    assert interpret(settings(bundle, encoded, shards=2)).studies == 6
    return rows(encoded / "interpretations" / "default")


def test_rows_are_complete(interpreted: list[dict[str, Any]], encoded: Path) -> None:
    assert [row["study_id"] for row in interpreted] == [f"study-{number}" for number in range(6)]
    assert [row["videos_encoded"] for row in interpreted] == [1, 2, 3, 4, 1, 2]
    for row in interpreted:
        assert row["notice"] == NOTICE
        assert row["calls_calibrated"] is False
        for each in phenotypes():
            value, call = row[each.name], row.get(f"{each.name}_call")
            assert call == (None if each.threshold is None or value is None else value >= each.threshold)
        for section in row["sections"]:
            assert len(section["neighbours"]) == (50 if section["assessable"] else 0)
            if section["assessable"]:
                assert sum(section["shares"]) == pytest.approx(1)
        for evidence in row["phenotypes"]:
            assert evidence["value"] == row[evidence["phenotype"]]
            assert evidence["nearest_percentile"] is None  # of 120 candidates none is said


@pytest.mark.parametrize("shards", [3, 7])
def test_rows_do_not_depend_on_shards(
    interpreted: list[dict[str, Any]], encoded: Path, bundle: Bundle, shards: int
) -> None:
    """30 candidates stand twice, on different shards: scores tie exactly."""
    interpret(settings(bundle, encoded, shards=shards, name=f"shards-{shards}"))
    again = rows(encoded / "interpretations" / f"shards-{shards}")
    assert again == interpreted
    scores = [n["similarity"] for n in again[0]["sections"][0]["neighbours"]]
    assert len(set(scores)) < len(scores)


@pytest.mark.parametrize("pairing", ["section", "position"])
def test_rows_are_what_the_library_says(
    encoded: Path, bundle: Bundle, interpreted: list[dict[str, Any]], pairing: str
) -> None:
    import torch

    job = interpreted
    if pairing == "position":
        interpret(settings(bundle, encoded, pairing=pairing, name=pairing))
        job = rows(encoded / "interpretations" / pairing)
    library = load(bundle.location)
    for study, row in zip(rows(encoded / "encodings"), job, strict=True):
        embeddings = torch.tensor(study["embeddings"], dtype=torch.float32).reshape(-1, 512)
        views = [bundle.views.index(v["view"]) for v in study["videos"] if v["view"] is not None]
        one_hot = torch.nn.functional.one_hot(torch.tensor(views, dtype=torch.int64), len(bundle.views))
        encoded_study = torch.cat([embeddings, one_hot.float()], 1)
        assert library.predict_metrics(encoded_study, pairing=pairing) == {
            each.name: row[each.name] for each in phenotypes()
        }
        assert library.generate_report(encoded_study) == row["report"]


def test_influence_is_what_the_library_says(
    encoded: Path, bundle: Bundle, interpreted: list[dict[str, Any]]
) -> None:
    """Into a table of its own; what both have is the same."""
    import torch

    with pytest.raises(TableError, match=r"other settings: influence.*another --output or --name"):
        interpret(settings(bundle, encoded, influence=True))
    interpret(settings(bundle, encoded, influence=True, shards=3, name="influence"))
    library, differ = load(bundle.location), 0
    job = rows(encoded / "interpretations" / "influence")
    for study, row, plain in zip(rows(encoded / "encodings"), job, interpreted, strict=True):
        embeddings = torch.tensor(study["embeddings"], dtype=torch.float32).reshape(-1, 512)
        views = [bundle.views.index(v["view"]) for v in study["videos"] if v["view"] is not None]
        one_hot = torch.nn.functional.one_hot(torch.tensor(views, dtype=torch.int64), len(bundle.views))
        (own,) = library.interpret(torch.cat([embeddings, one_hot.float()], 1), influence=True).to_pylist()
        assert row["phenotypes"] == own["phenotypes"]
        for each, without in zip(row["phenotypes"], plain["phenotypes"], strict=True):
            for name in ("value", "low", "high", "nearest", "nearest_percentile", "call"):
                assert each[name] == without[name]
            differ += any(video["value_without"] not in (None, each["value"]) for video in each["videos"])
            assert all(video["value_without"] is None for video in without["videos"])
    assert differ > 10


def test_nothing_to_do(interpreted: list[dict[str, Any]], encoded: Path, bundle: Bundle) -> None:
    assert interpret(settings(bundle, encoded)).nothing_to_do


def test_other_choices_go_into_another_table(
    interpreted: list[dict[str, Any]], encoded: Path, bundle: Bundle
) -> None:
    with pytest.raises(TableError, match=r"other settings: k.*another --output or --name"):
        interpret(settings(bundle, encoded, k=10))


def test_candidates_of_another_space_are_refused(encoded: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=3)
    with pytest.raises(BundleError, match=r"embedding space 'tiny-0'.*'tiny-3'"):
        interpret(settings(other, encoded, name="other"))
    assert "other" not in (Location.parse(encoded) / "interpretations").names()


def test_a_language_without_a_lexicon_is_refused(encoded: Path, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="language 'it'"):
        interpret(settings(bundle, encoded, language="it", name="it"))


def test_a_part_of_the_studies(
    interpreted: list[dict[str, Any]], encoded: Path, bundle: Bundle, tmp_path: Path
) -> None:
    chosen = tmp_path / "chosen.csv"
    chosen.write_text("study_id\nstudy-4\nstudy-1\n")
    interpret(settings(bundle, encoded, studies=str(chosen), name="part"))
    assert rows(encoded / "interpretations" / "part") == [interpreted[1], interpreted[4]]
    StudyTable.existing(Location.parse(encoded / "interpretations" / "part"))
