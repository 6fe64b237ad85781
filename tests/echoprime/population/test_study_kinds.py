"""Studies of kinds that the interpretation is not of: left out under that name, and counted by kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from echoprime.population import Bootstrap, Population, study_population
from echoprime.storage import Location
from tests.echoprime.population.drawn import study, video, write_cohort, write_output

ASKED_FOR = ("transthoracic", "unknown")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Population:
    place: Path = tmp_path_factory.mktemp("kinds")
    studies = [study(f"s{n}", ejection_fraction=40.0 + n) for n in range(8)]
    colour = [video() | {"regions": ["2d", "colour"]}, video() | {"regions": []}]
    studies += [
        study("tte", ejection_fraction=50.0, study_kind="transthoracic", videos=colour),
        study("stress", study_kind="stress", interpreted=False),
        # interpreted before a list said of what kind it is
        study("stress-before", study_kind="stress", ejection_fraction=90.0),
        study("tee", study_kind="transoesophageal", status="incomplete", interpreted=False),
        study("left", interpreted=False),
    ]
    write_output(place / "out", studies, kinds=ASKED_FOR)
    cohort = write_cohort(place / "cohort.csv", [{"study_id": each["study_id"]} for each in studies])
    return study_population(Location.parse(place / "out"), Location.parse(cohort), bootstrap=Bootstrap(50))


def rows(result: Population, name: str, /, **wanted: object) -> list[dict[str, Any]]:
    found = result.tables[name].to_pylist()
    return [row for row in found if all(row[column] == value for column, value in wanted.items())]


def test_they_are_left_out_by_kind(result: Population) -> None:
    flow = [(row["kind"], row["what"], row["studies"]) for row in rows(result, "flow")]
    assert flow == [
        ("step", "in the manifest of the last encode run", 13),
        ("step", "encoded", 13),
        ("left_out", "study kind: transoesophageal", 1),
        ("left_out", "study kind: stress", 2),
        ("left_out", "not interpreted yet", 1),
        ("step", "interpreted", 9),
        ("step", "interpreted and in the cohort", 9),
        ("step", "analysed", 9),
    ]
    cohort = {row["what"]: row["rows"] for row in rows(result, "cohort_flow", kind="left_out")}
    assert cohort == {"encoded, left out for its study kind": 3, "encoded, not interpreted": 1}
    (fraction,) = rows(result, "distribution", phenotype="ejection_fraction", by="", counted="studies")
    assert (fraction["assessed"], fraction["maximum"]) == (9, 50)


def test_the_composition_counts_kinds_and_regions(result: Population) -> None:
    def levels(part: str, among: str) -> dict[str, tuple[str, int, int]]:
        return {
            row["level"]: (row["counted"], row["number"], row["of"])
            for row in rows(result, "composition", part=part, among=among)
        }

    assert levels("study kind", "encoded") == {
        "unknown": ("studies", 9, 13), "stress": ("studies", 2, 13), "transthoracic": ("studies", 1, 13),
        "transoesophageal": ("studies", 1, 13),
    }  # fmt: skip
    assert levels("study kind", "analysed")["transthoracic"] == ("studies", 1, 9)
    assert levels("regions", "analysed") == {"2d + colour": ("videos", 1, 10), "not said": ("videos", 9, 10)}
