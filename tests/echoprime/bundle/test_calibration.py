"""A calibration's file: read whole or refused in one line, and what it makes of a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle, Calibration, with_calibration, with_thresholds
from echoprime.bundle.calibrated import Conformal, Isotonic, Platt
from echoprime.errors import SettingError
from echoprime.storage import Location
from tests.tiny import write_tiny_bundle

FRACTION = {"kind": "continuous", "unit": "%", "half_width": 9.5}
TAVR = {
    "kind": "binary", "unit": "", "method": "isotonic", "knots": [[0.02, 0.0], [0.5, 0.25], [0.9, 0.7]],
    "threshold": {"value": 0.37},
}  # fmt: skip
IMPELLA = {
    "kind": "binary", "unit": "", "method": "platt", "slope": 4.0, "intercept": -3.0,
    "threshold": {"value": None},
}  # fmt: skip
PHENOTYPES = {"ejection_fraction": FRACTION, "tavr": TAVR, "impella": IMPELLA}


def made(**phenotypes: Any) -> Calibration:
    return Calibration(made_from={"values_from": {}}, phenotypes=phenotypes or PHENOTYPES, left={})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("calibration") / "bundle", weights=False)


def test_a_bundle_takes_what_it_says(bundle: Bundle) -> None:
    found = {each.name: each for each in with_calibration(bundle, made()).phenotypes}
    before = {each.name: each for each in bundle.phenotypes}
    assert found["ejection_fraction"].calibrated == Conformal(9.5, 100.0)
    assert found["tavr"].calibrated == Isotonic((0.02, 0.5, 0.9), (0.0, 0.25, 0.7))
    assert (found["tavr"].threshold, found["tavr"].threshold_from) == (0.37, "calibration")
    assert found["impella"].calibrated == Platt(4.0, -3.0)
    assert (found["impella"].threshold, found["impella"].threshold_from) == (0.16, "published")
    assert found["pacemaker"] == before["pacemaker"]


def test_thresholds_of_a_table_stay_where_it_has_none(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "thresholds.csv"
    file.write_text("phenotype,threshold\ntavr,0.5\npacemaker,0.4\n")
    own = with_calibration(with_thresholds(bundle, Location.parse(file)), made())
    called = {each.name: (each.threshold, each.threshold_from) for each in own.phenotypes if each.threshold}
    assert called == {"tavr": (0.37, "calibration"), "pacemaker": (0.4, "own")}


def test_its_hash_and_its_thresholds_are_part_of_what_an_interpretation_is(bundle: Bundle) -> None:
    plain, calibrated = (
        each.interpretation_identity(50, "section", "en")
        for each in (bundle, with_calibration(bundle, made()))
    )
    assert plain["calibration"] is None
    assert calibrated["calibration"] == made().sha256
    assert {name for name in plain if plain[name] != calibrated[name]} == {"calibration", "thresholds"}
    wider = made(ejection_fraction={**FRACTION, "half_width": 10.0})
    assert wider.sha256 != made(ejection_fraction=FRACTION).sha256


def test_the_same_content_has_the_same_hash_however_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    made().write(Location.parse(file))
    content = json.loads(file.read_bytes())
    file.write_text(json.dumps(dict(reversed(content.items()))))
    assert Calibration.read(Location.parse(file)) == made()
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


def _other_number(content: dict[str, Any]) -> None:
    content["phenotypes"]["tavr"]["threshold"]["value"] = 0.2


def _other_format(content: dict[str, Any]) -> None:
    content["format"] = 2


def _no_phenotypes(content: dict[str, Any]) -> None:
    del content["phenotypes"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_number, "was changed after it was written"),
        (_other_format, "format 2, this version reads 1"),
        (_no_phenotypes, "is damaged"),
    ],
)
def test_a_changed_file_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    file = tmp_path / "calibration.json"
    made().write(Location.parse(file))
    content = json.loads(file.read_bytes())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(SettingError, match=said) as refused:
        Calibration.read(Location.parse(file))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "entry",
    [
        {**TAVR, "knots": [[0.5, 0.1], [0.2, 0.3]]},
        {**TAVR, "knots": [[0.2, 0.3], [0.5, 0.1]]},
        {**TAVR, "knots": [[0.2, 0.3], [0.5, 1.1]]},
        {**TAVR, "knots": []},
        {**TAVR, "method": "spline"},
        {**IMPELLA, "slope": "steep"},
        {**FRACTION, "half_width": True},
    ],
)
def test_numbers_that_are_no_mapping_are_refused_although_the_hash_fits(
    tmp_path: Path, entry: dict[str, Any]
) -> None:
    file = Location.parse(tmp_path / "calibration.json")
    made(tavr=entry).write(file)
    with pytest.raises(SettingError, match="is damaged"):
        Calibration.read(file)


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"study_id": 1}', "\xff"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingError, match="is no calibration"):
        Calibration.read(Location.parse(file))
    with pytest.raises(SettingError, match="nothing is there"):
        Calibration.read(tmp_path / "gone.json")


def test_phenotypes_that_the_bundle_does_not_have_are_refused(bundle: Bundle) -> None:
    with pytest.raises(SettingError, match="strain is no phenotype of bundle 'tiny'; there are impella"):
        with_calibration(bundle, made(strain=FRACTION))
    with pytest.raises(SettingError, match=r"tavr is continuous in % there and binary in bundle 'tiny'"):
        with_calibration(bundle, made(tavr=FRACTION))
