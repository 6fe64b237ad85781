"""Small counts in the tables, the page and the drawings of a study."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from echoprime.population import Bootstrap, study_population
from echoprime.population.drawings import coarse_steps, histogram, scatter
from echoprime.population.page import population_page
from echoprime.population.suppression import suppress
from echoprime.storage import Location
from tests.echoprime.population.drawn import study, write_cohort, write_output
from tests.echoprime.population.test_study import rows as rows_of
from tests.echoprime.population.test_study import small_study

Row = dict[str, Any]


def test_tables_of_a_study(tmp_path: Path) -> None:
    shown, hidden = (
        small_study(tmp_path / str(least), least_count=least, by=("site",)).tables for least in (1, 5)
    )
    for name, table in hidden.items():
        assert table.num_rows == shown[name].num_rows
    for name in ("distribution", "prevalence", "agreement", "trend", "table_one"):
        for row in hidden[name].to_pylist():
            numbers = [
                row[key] for key in ("studies", "patients", "number", "called") if row.get(key) is not None
            ]
            assert row["hidden"] or all(number == 0 or number >= 5 for number in numbers), (name, row)
    assert any(row["hidden"] for row in hidden["distribution"].to_pylist())
    assert all(row["maximum"] is None for row in hidden["distribution"].to_pylist())
    assert not any(row["hidden"] for row in shown["distribution"].to_pylist())


def test_the_flow_is_left_as_it_is(tmp_path: Path) -> None:
    made_of = small_study(tmp_path)
    tables = suppress(made_of.tables, made_of.analysed, 100)
    for name in ("flow", "cohort_flow", "composition", "amounts"):
        assert tables[name] is made_of.tables[name]
    assert all(row["hidden"] for row in tables["distribution"].to_pylist())


def studied(place: Path, people: Sequence[Row], **choices: Any) -> Any:  # a Population
    """Studies s000... of these rows, and a cohort of them."""
    studies = [
        study(f"s{at:03}", ejection_fraction=30.0 + at % 40, tavr=at % 10 / 10) for at in range(len(people))
    ]
    write_output(place / "out", studies)
    rows = [{"study_id": f"s{at:03}", **row} for at, row in enumerate(people)]
    cohort = write_cohort(place / "cohort.csv", rows)
    return study_population(
        Location.parse(place / "out"), Location.parse(cohort), bootstrap=Bootstrap(draws=20), **choices
    )


def test_groups_too_small_together_show_no_level(tmp_path: Path) -> None:
    """Sites C and D are hidden; of their one woman all less A and B would tell."""
    people = [{"site": "A" if n < 50 else "B", "sex": "FM"[n % 2]} for n in range(100)]
    people += [{"site": "C" if n < 4 else "D", "sex": "F" if n == 0 else "M"} for n in range(12)]
    result = studied(tmp_path, people, by=("site",), least_count=5)
    women = {
        row["group"]: row["number"]
        for row in rows_of(result, "table_one", table="site", variable="sex", level="F")
    }
    assert women[""] == 51
    assert women["A"] is None
    assert women["B"] is None
    # a name that four people share is not published, in no table and not on the page
    assert set(women) == {"", "A", "B", "(hidden 1)", "D"}
    page = population_page(result, interpretation="default")
    assert not re.search(r"\bsite: C\b|>C<", page)
    assert "(hidden 1)" in page


def test_those_left_out_are_not_all_less_the_analysed(tmp_path: Path) -> None:
    people = [{"sex": "FM"[n % 2], "age": 50 + n % 7} for n in range(60)]
    studies = [study(f"s{at:03}", ejection_fraction=50.0) for at in range(58)]
    write_output(tmp_path / "out", studies)
    cohort = write_cohort(
        tmp_path / "c.csv", [{"study_id": f"s{at:03}", **row} for at, row in enumerate(people)]
    )
    result = study_population(Location.parse(tmp_path / "out"), Location.parse(cohort), least_count=5)
    found = rows_of(result, "table_one", table="analysed", variable="sex", level="F")
    assert {row["group"]: row["number"] for row in found} == {"": None, "analysed": 29, "left out": None}
    assert not any(row["smd"] for row in result.tables["table_one"].to_pylist())


def test_number_and_missing_are_hidden_together(tmp_path: Path) -> None:
    people = [{"age": 50 + n if n else "", "sex": "FM"[n % 2]} for n in range(12)]
    result = studied(tmp_path, people, least_count=3)
    (age,) = rows_of(result, "table_one", variable="age")
    assert (age["number"], age["missing"], age["hidden"]) == (None, None, False)
    assert age["shown"].startswith("56.0")


@pytest.mark.parametrize("least", [5, 10])
def test_no_drawing_shows_one_study(least: int) -> None:
    """A study far from all others moves no line, no axis and no step."""
    rng = np.random.default_rng(0)
    known = rng.normal(55, 4, 300)
    estimated = known + rng.normal(0, 2, 300)
    alone = [np.append(known, 12.0), np.append(estimated, 13.0)]
    far = [np.append(known, -900.0), np.append(estimated, -901.0)]
    assert scatter(*alone, "%", least) == scatter(*far, "%", least)
    assert histogram(alone[0], "EF", least) == histogram(far[0], "EF", least)
    truth = (rng.random(60) < 0.3).astype(float)
    wrong, right, _ = roc_curve(truth, rng.random(60))
    counts = np.stack([wrong * (truth == 0).sum(), right * truth.sum()])
    steps = np.diff(counts[:, coarse_steps(*counts, least)])
    assert (steps[:, :-1].size == 0) or (steps > least - 0.5).all()
