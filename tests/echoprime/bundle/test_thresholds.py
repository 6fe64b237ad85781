"""Thresholds of one's own replace the bundle's, all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from echoprime.bundle import Bundle, with_thresholds
from echoprime.errors import SettingError
from echoprime.storage import Location
from tests.tiny import write_tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("thresholds") / "bundle", weights=False)


@pytest.mark.parametrize("column", ["phenotype", "feature"])
def test_only_those_of_the_file_count(bundle: Bundle, tmp_path: Path, column: str) -> None:
    """Byte order mark, spaces, an empty threshold, another column: as spreadsheets write them."""
    file = tmp_path / "t.csv"
    file.write_text(f"\ufeff{column},threshold,note\ntavr, 0.4 ,x\nimpella,,y\nejection_fraction,50,z\n")
    other = with_thresholds(bundle, Location.parse(file))
    assert {each.name: each.threshold for each in other.phenotypes if each.threshold is not None} == {
        "tavr": 0.4,
        "ejection_fraction": 50.0,
    }
    assert [each.name for each in other.phenotypes] == [each.name for each in bundle.phenotypes]
    one, two = (each.interpretation_identity(50, "section", "en") for each in (bundle, other))
    assert one["thresholds"] != two["thresholds"]
    assert {**one, "thresholds": None} == {**two, "thresholds": None}


def test_a_header_that_is_none_is_not_repeated(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Smith^John,1950\n")
    with pytest.raises(SettingError) as refusal:
        with_thresholds(bundle, Location.parse(tmp_path / "t.csv"))
    assert "Smith" not in str(refusal.value)


def test_bytes_that_are_no_text_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"phenotype,threshold\ntavr,\xff\n")
    with pytest.raises(SettingError, match="cannot be read as a CSV"):
        with_thresholds(bundle, Location.parse(tmp_path / "t.csv"))
