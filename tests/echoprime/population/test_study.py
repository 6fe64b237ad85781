"""A study of drawn tables: every count is known beforehand."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.errors import CohortError, SettingError, TableError
from echoprime.population import Bootstrap, Population, study_population, write_population
from echoprime.storage import Location
from echoprime.tables import StudyTable
from tests.echoprime.population.drawn import NOTICE, study, video, write_cohort, write_output

FEW_DRAWS = Bootstrap(draws=200)


def cohort_row(study_id: str, patient: str, **known: object) -> dict[str, object]:
    return {"study_id": study_id, "patient_id": patient, "age": 60, "sex": "F", "site": "large",
            "date": "2024-01-01", "ef_by_hand": "", "tavr": "", **known}  # fmt: skip


def small_study(place: Any, **choices: Any) -> Population:  # whatever `study_population` takes
    """24 studies of 20 patients, and what is left out of them for every reason there is."""
    studies = [
        study(
            f"s{n:02}", ejection_fraction=40.0 + n, tavr=n / 24, videos=[video(), video("skipped", "still")]
        )
        for n in range(24)
    ]
    studies += [
        study("no-value", ejection_fraction=None),
        study("not-in-cohort", ejection_fraction=50.0),
        study("nothing-encoded", videos=[video("failed", "not_decodable")]),
        study("incomplete", status="incomplete", interpreted=False, videos=[video("failed", "read_error")]),
        study("not-interpreted", interpreted=False),
    ]
    place.mkdir(parents=True, exist_ok=True)
    write_output(place / "out", studies, listed=["not-encoded"])
    rows = [
        cohort_row(
            f"s{n:02}", f"pat{n % 20:02}", age=30 + 2 * n, sex="FM"[n % 2],
            site="small" if n < 3 else "large", date=f"20{20 + n // 12}-{n % 12 + 1:02}-15",
            ef_by_hand=42 + n, tavr=int(n >= 12),
        )
        for n in range(24)
    ]  # fmt: skip
    left_out = ("no-value", "nothing-encoded", "incomplete", "not-interpreted", "not-encoded", "unknown")
    rows += [cohort_row(name, f"x-{name}") for name in left_out]
    cohort = write_cohort(place / "cohort.csv", rows)
    choices = {"by": ("sex",), "known": ("ejection_fraction=ef_by_hand",), "bootstrap": FEW_DRAWS} | choices
    return study_population(Location.parse(place / "out"), Location.parse(cohort), **choices)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Population:
    return small_study(tmp_path_factory.mktemp("population"))


def rows(result: Population, name: str, /, **wanted: object) -> list[dict[str, Any]]:
    found = result.tables[name].to_pylist()
    return [row for row in found if all(row[column] == value for column, value in wanted.items())]


def test_every_exclusion_is_counted(result: Population) -> None:
    flow = {row["what"].partition(":")[0]: row["studies"] for row in rows(result, "flow")}
    assert flow == {
        "in the manifest of the last encode run": 30, "not encoded yet": 1, "encoded": 29, "incomplete": 1,
        "not interpreted yet": 1, "interpreted": 27, "not in the cohort": 1,
        "interpreted and in the cohort": 26,
        "none of its videos could be encoded": 1, "analysed": 25,
    }  # fmt: skip
    # what is left of each step is the next one
    steps = [row["studies"] for row in rows(result, "flow", kind="step")]
    left = sum(row["studies"] for row in rows(result, "flow", kind="left_out"))
    assert steps[0] - left == steps[-1]
    assert rows(result, "flow", what="encoded")[0]["videos"] == 24 * 2 + 5
    cohort = {row["what"]: row["rows"] for row in rows(result, "cohort_flow")}
    assert cohort["rows of the cohort"] == 30
    assert cohort["with an analysed study"] == 25
    assert sorted(row["rows"] for row in rows(result, "cohort_flow", kind="left_out")) == [1] * 5


def test_distribution(result: Population) -> None:
    (every,) = rows(result, "distribution", phenotype="ejection_fraction", by="", counted="studies")
    assert (every["studies"], every["assessed"], every["patients"]) == (25, 24, 20)
    assert (every["mean"], every["median"], every["minimum"]) == pytest.approx((51.5, 51.5, 40))
    women, men = rows(result, "distribution", phenotype="ejection_fraction", by="sex", counted="studies")
    assert (women["level"], women["studies"], women["assessed"], women["mean"]) == ("F", 13, 12, 51)
    assert (men["level"], men["mean"]) == ("M", 52)
    (patients,) = rows(result, "distribution", phenotype="ejection_fraction", by="", counted="patients")
    assert (patients["assessed"], patients["mean"]) == (20, 49.5)
    (nothing,) = rows(result, "distribution", phenotype="pacemaker", by="", counted="studies")
    assert (nothing["assessed"], nothing["mean"]) == (0, None)


def test_prevalence(result: Population) -> None:
    (every,) = rows(result, "prevalence", phenotype="tavr", by="", counted="studies")
    assert (every["called"], every["assessed"], every["share"], every["threshold"]) == (12, 24, 0.5, 0.5)
    assert every["share_low"] < 0.5 < every["share_high"]


def test_against_known_values(result: Population) -> None:
    (every,) = rows(result, "agreement", by="")
    assert (every["pairs"], every["known"], every["patients"], every["mae"], every["bias"]) == (
        24,
        24,
        20,
        2,
        -2,
    )
    # a column named like a phenotype is taken by itself
    (apart,) = rows(result, "discrimination", by="")
    assert (apart["phenotype"], apart["auroc"], apart["positives"], apart["pairs"]) == ("tavr", 1, 12, 24)
    assert (apart["true_yes"], apart["false_yes"], apart["sensitivity"]) == (12, 0, 1)


def test_change_within_patients(result: Population) -> None:
    """Four patients came twice, the second time 20 per cent later in the list."""
    (change,) = rows(result, "change", phenotype="ejection_fraction")
    assert (change["patients"], change["change"], change["change_sd"]) == (4, 20, 0)
    (calls,) = rows(result, "call_change", phenotype="tavr")
    assert (calls["patients"], calls["no_to_yes"], calls["stayed_no"]) == (4, 4, 0)


def test_trend(result: Population) -> None:
    points = rows(result, "trend", phenotype="ejection_fraction", measure="mean")
    assert [point["period"] for point in points][:3] == ["2020-Q1", "2020-Q2", "2020-Q3"]
    assert sum(point["assessed"] for point in points) == 24
    (slope,) = rows(result, "slopes", phenotype="ejection_fraction", measure="mean")
    assert slope["per_year"] == pytest.approx(12, abs=0.5)


def test_composition(result: Population) -> None:
    outcomes = {
        row["level"]: (row["number"], row["of"])
        for row in rows(result, "composition", part="outcome", among="encoded")
    }
    assert outcomes["encoded"] == (27, 53)
    assert outcomes["skipped: still"] == (24, 53)
    assert outcomes["failed: not_decodable"] == (1, 53)
    (device,) = rows(result, "composition", part="device", among="analysed")
    assert (device["level"], device["number"], device["of"]) == ("maker", 25, 25)
    (rate,) = rows(result, "amounts", measure="frames a second", among="analysed")
    assert (rate["number"], rate["median"]) == (25, 50)


def test_table_one(result: Population) -> None:
    (number,) = rows(result, "table_one", table="sex", variable="age", group="F")
    assert number["number"] == 13
    (share,) = rows(result, "table_one", table="sex", variable="tavr", level="1", group="M")
    assert (share["number"], share["shown"]) == (6, "6 (50.0)")
    (left_out,) = rows(result, "table_one", table="analysed", variable="", group="left out")
    assert left_out["number"] == 5


def test_table_one_is_tableones(result: Population) -> None:
    """Categories are counted here; tableone writes the same."""
    import pandas as pd
    from tableone import TableOne

    sex = ["FM"[n % 2] for n in range(24)] + ["F"]
    site = pd.Categorical(["small" if n < 3 else "large" for n in range(24)] + ["large"])
    frame = pd.DataFrame({"site": site, "sex": sex})
    made = TableOne(frame, columns=["site"], categorical=["site"], groupby="sex", include_null=False,
                    smd=True,
                    label_suffix=False, pval=False).tableone  # fmt: skip
    made.columns = [column[-1] for column in made.columns]
    ours = rows(result, "table_one", table="sex", variable="site")
    for row in ours:
        assert row["shown"] == made.loc[("site", row["level"])][row["group"] or "Overall"]
    assert {row["smd"] for row in ours} == {made.loc[("site", "large")]["SMD (F,M)"], ""}


def test_the_same_twice(tmp_path: Path, result: Population) -> None:
    again = small_study(tmp_path)
    for name, table in result.tables.items():
        assert table.equals(again.tables[name]), name


def test_what_is_written(tmp_path: Path, result: Population) -> None:
    place = Location.parse(tmp_path / "populations" / "default")
    write_population(result, place, interpretation="default")
    names = set(place.names())
    assert names == {"population.html", "population.json"} | {
        f"{table}.{end}" for table in result.tables for end in ("csv", "parquet")
    }
    page = (place / "population.html").read_bytes().decode()
    assert NOTICE in page
    assert "uncalibrated" in page
    assert "Mean absolute error 2.00 %" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    # no study and no patient is named
    assert not re.search(r"\bs\d\d\b|\bpat\d\d\b|x-unknown", page)
    csv = b"".join((place / name).read_bytes() for name in names if name.endswith(".csv"))
    assert not re.search(rb"\bs\d\d\b|\bpat\d\d\b", csv)
    first = {name: (place / name).read_bytes() for name in names - {"population.json"}}
    write_population(result, place, interpretation="default")
    assert first == {name: (place / name).read_bytes() for name in names - {"population.json"}}


def test_a_page_without_single_studies(tmp_path: Path) -> None:
    """With a least count no point of a study is drawn."""
    result = small_study(tmp_path, least_count=5)
    write_population(result, Location.parse(tmp_path / "p"), interpretation="default")
    page = (tmp_path / "p" / "population.html").read_text()
    assert "hidden" in page
    assert "below 5 are hidden" in page


@pytest.mark.parametrize(
    ("choices", "error", "said"),
    [
        ({"by": ("gone",)}, CohortError, "--by gone: cohort.csv has no such column; it has age, sex, site"),
        ({"known": ("ejection_fraction",)}, SettingError, "write PHENOTYPE=COLUMN"),
        ({"known": ("ef=age",)}, SettingError, "no phenotype 'ef'; there are ejection_fraction"),
        ({"known": ("ejection_fraction=gone",)}, CohortError, "--known gone"),
        ({"known": ("tavr=age",)}, CohortError, "write 0 and 1"),
        ({"known": ("ejection_fraction=sex",)}, CohortError, "not numbers"),
        ({"name": "gone"}, TableError, "there is no table interpretations/gone; there are default"),
        ({"key": "patient_id"}, CohortError, "values of patient_id stand in more than one row"),
    ],
)
def test_mistakes(tmp_path: Path, choices: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        small_study(tmp_path, **choices)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shares_for_per_cents_are_refused(tmp_path: Path) -> None:
    write_output(tmp_path / "out", [study("a", ejection_fraction=50.0), study("b", ejection_fraction=60.0)])
    cohort = write_cohort(tmp_path / "c.csv", [{"study_id": "a", "ef": 0.55}, {"study_id": "b", "ef": 0.6}])
    with pytest.raises(CohortError, match="multiply it by 100"):
        study_population(
            Location.parse(tmp_path / "out"), Location.parse(cohort), known=("ejection_fraction=ef",)
        )


def test_a_cohort_of_others(tmp_path: Path) -> None:
    write_output(tmp_path / "out", [study("a", ejection_fraction=50.0)])
    cohort = write_cohort(tmp_path / "c.csv", [{"study_id": "Smith", "age": 50}])
    with pytest.raises(CohortError, match="none of its 1 rows is of one of the 1 studies") as caught:
        study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))
    assert "Smith" not in str(caught.value)
    cohort = write_cohort(tmp_path / "c.csv", [{"patient_id": "p", "age": 50}])
    with pytest.raises(CohortError, match="no table knows a study's patient"):
        study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))


def test_joined_by_patient(tmp_path: Path) -> None:
    studies = [study(name, ejection_fraction=50.0, patient_id=name[0]) for name in ("a1", "a2", "b1")]
    write_output(tmp_path / "out", studies)
    cohort = write_cohort(
        tmp_path / "c.csv", [{"patient_id": "a", "age": 50}, {"patient_id": "z", "age": 60}]
    )
    result = study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))
    assert len(result.analysed) == 2
    assert result.analysed.patient_count == 1
    assert [row["rows"] for row in rows(result, "cohort_flow")] == [2, 1, 1]


def test_days_of_a_cohort_keyed_by_patient_are_the_studies_own(tmp_path: Path) -> None:
    """One date a patient would put all of his studies on one day; it stands in where a study has none."""
    studies = [
        study(
            f"{name}{n}", ejection_fraction=50.0 + n, patient_id=name,
            acquired_at=dt.datetime(2020 + n, 1, 1, tzinfo=dt.UTC) if name != "c" else None,
        )
        for name in "abc" for n in range(2)
    ]  # fmt: skip
    write_output(tmp_path / "out", studies)
    people = [{"patient_id": name, "age": 50, "date": "2019-05-05"} for name in "abc"]
    cohort = write_cohort(tmp_path / "c.csv", people)
    result = study_population(Location.parse(tmp_path / "out"), Location.parse(cohort), period="year")
    assert rows(result, "change", phenotype="ejection_fraction")[0]["patients"] == 2
    points = rows(result, "trend", phenotype="ejection_fraction", measure="mean")
    assert {point["period"]: point["studies"] for point in points} == {"2019": 2, "2020": 2, "2021": 2}


def test_the_manifest_says_whose_a_study_is(tmp_path: Path) -> None:
    """Encoded before the archive was listed with patients: the manifest alone knows them."""
    write_output(tmp_path / "out", [study(name, ejection_fraction=50.0) for name in ("a1", "a2", "b1")])
    listed = pa.table({"study_id": ["a1", "a2", "b1"], "patient_id": ["a", "a", "b"]})
    pq.write_table(listed, tmp_path / "out" / "manifest.parquet")
    cohort = write_cohort(tmp_path / "c.csv", [{"study_id": name, "age": 50} for name in ("a1", "a2", "b1")])
    result = study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))
    assert (result.analysed.patient_count, result.analysed.patients_known.all()) == (2, True)
    named = [{"study_id": name, "patient_id": "a", "age": 50} for name in ("a1", "a2", "b1")]
    cohort = write_cohort(tmp_path / "c.csv", named)
    result = study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))
    assert (result.analysed.patient_count, result.other_patient) == (1, 1)


def test_studies_of_another_archive_are_not_called_gone(tmp_path: Path) -> None:
    write_output(tmp_path / "out", [study("a", ejection_fraction=50.0), study("b", ejection_fraction=50.0)])
    listed = pa.table({"study_id": ["b"], "patient_id": pa.nulls(1, pa.string())})
    pq.write_table(listed, tmp_path / "out" / "manifest.parquet")
    cohort = write_cohort(tmp_path / "c.csv", [{"study_id": "a", "age": 50}])
    result = study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))
    (note,) = rows(result, "flow", kind="note")
    assert (note["what"], note["studies"]) == (
        "encoded earlier, not in that manifest: gone from it, or of another archive",
        1,
    )


def test_groups_of_long_numbers_keep_their_names(tmp_path: Path) -> None:
    write_output(tmp_path / "out", [study(f"s{n}", ejection_fraction=50.0) for n in range(6)])
    people = [{"study_id": f"s{n}", "device": 1000001 + n % 3} for n in range(6)]
    cohort = write_cohort(tmp_path / "c.csv", people)
    result = study_population(
        Location.parse(tmp_path / "out"), Location.parse(cohort), by=("device", "DEVICE")
    )
    found = rows(result, "distribution", phenotype="ejection_fraction", by="device", counted="studies")
    assert {row["level"]: row["studies"] for row in found} == {"1000001": 2, "1000002": 2, "1000003": 2}
    assert len(found) == 3
    assert result.by == ("device",)


def test_an_output_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_output(tmp_path / "out", [study("a", ejection_fraction=50.0)])
    cohort = write_cohort(tmp_path / "c.csv", [{"study_id": "a", "age": 50}])
    monkeypatch.setattr("echoprime.tables.opening.schema_version", lambda columns: 99)
    with pytest.raises(TableError, match="schema version"):
        study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))


def test_the_newest_row_of_a_study_counts(tmp_path: Path) -> None:
    write_output(tmp_path / "out", [study("a", ejection_fraction=50.0)])
    table = StudyTable.existing(Location.parse(tmp_path / "out" / "interpretations" / "default"))
    older = table.newest()
    place = older.schema.get_field_index("ejection_fraction")
    table.append(older.set_column(place, "ejection_fraction", [[70.0]]))
    cohort = write_cohort(tmp_path / "c.csv", [{"study_id": "a", "age": 50}])
    result = study_population(Location.parse(tmp_path / "out"), Location.parse(cohort))
    assert rows(result, "distribution", phenotype="ejection_fraction", counted="studies")[0]["mean"] == 70
