"""Drawn cohorts, and a reader who reckons with everything that is published of them: nothing small comes out.

The reader knows sums and solves for others: a small count is reckoned back where it is a combination of
what is published. One grouping is published, with its tables of every kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.population import Bootstrap
from echoprime.population.agreement import agreements
from echoprime.population.analysed import Analysed, Grouping
from echoprime.population.change import changes
from echoprime.population.cohort import Cohort
from echoprime.population.columns import Column
from echoprime.population.discrimination import discriminations
from echoprime.population.distribution import distributions, prevalences
from echoprime.population.loading import Phenotypes
from echoprime.population.suppression import suppress
from echoprime.population.table_one import tables_one
from echoprime.population.trend import trends

Row = dict[str, Any]
LEAST = 4
PHENOTYPES = Phenotypes({"pressure": "mmHg", "finding": ""}, {"finding": 0.5}, calibrated=True, notices=())


@st.composite
def cohorts(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Columns of a small cohort: group, sex, patient, values that may be missing, day, whether left out."""
    size = draw(st.integers(8, 60))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)

    def some(values: Sequence[Any]) -> list[Any]:
        weights = rng.dirichlet(np.full(len(values), draw(st.sampled_from((0.3, 1.0, 5.0)))))
        return [values[at] for at in rng.choice(len(values), size, p=weights)]

    return {
        "site": some(["A", "B", "C", None]), "sex": some(["F", "M", "X", None]),
        "age": some([40.0, 50.0, 60.0, None]), "hand": some([20.0, 30.0, 40.0, None]),
        "has": some(["0", "1", None]), "pressure": some([22.0, 33.0, None]),
        "finding": some([0.2, 0.6, None]), "day": some(["2020-03-01", "2021-03-01", "2022-03-01", None]),
        "patient": rng.integers(0, draw(st.sampled_from((size // 2, 10 * size))), size).tolist(),
        "left_out": some([False, False, True]),
    }  # fmt: skip


def made(people: Mapping[str, list[Any]]) -> tuple[Analysed, dict[str, Any]]:
    """Every table of a cohort, nothing hidden."""
    kept = [at for at, out in enumerate(people["left_out"]) if not out]
    of = {name: [column[at] for at in kept] for name, column in people.items()}
    days = np.array([each or "NaT" for each in of["day"]], "datetime64[D]")
    patients = np.unique(of["patient"], return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((np.arange(len(kept)), np.where(np.isnat(days), np.datetime64("9999-01-01"), days)))
    first = np.zeros(len(kept), bool)
    first[[order[np.flatnonzero(patients[order] == each)[0]] for each in np.unique(patients)]] = True
    sites = [each or "(unknown)" for each in of["site"]]
    levels, codes = np.unique(sites, return_inverse=True)
    floats = {name: np.array(of[name], float) for name in ("pressure", "finding", "hand", "has")}
    finding = floats["finding"]
    analysed = Analysed(
        values={name: floats[name] for name in ("pressure", "finding")},
        calls={"finding": np.where(np.isnan(finding), np.nan, (finding >= 0.5).astype(float))},
        known={"hand": floats["hand"], "has": floats["has"]},
        patients=patients, patients_known=np.ones(len(kept), bool), days=days, first=first,
        groupings=(
            Grouping("", ("all",), np.zeros(len(kept), np.int64)),
            Grouping("site", tuple(levels.tolist()), codes.astype(np.int64)),
        ),
    )  # fmt: skip
    known, few = {"pressure": "hand", "finding": "has"}, Bootstrap(draws=2)
    trend, slopes = trends(analysed, PHENOTYPES, "year")
    change, call_change = changes(analysed, PHENOTYPES)
    return analysed, {
        "table_one": _table_one(people, analysed), "distribution": distributions(analysed, PHENOTYPES),
        "prevalence": prevalences(analysed, PHENOTYPES), "trend": trend, "slopes": slopes, "change": change,
        "call_change": call_change, "agreement": agreements(analysed, PHENOTYPES, known, few),
        "discrimination": discriminations(analysed, PHENOTYPES, known, few),
    }  # fmt: skip


def _table_one(people: Mapping[str, list[Any]], analysed: Analysed) -> Any:  # a table
    columns = (
        Column("site", "category", ("A", "B", "C"), 0), Column("sex", "category", ("F", "M", "X"), 0),
        Column("age", "number", (), 0), Column("has", "category", ("0", "1"), 0),
    )  # fmt: skip
    cohort = Cohort("cohort.csv", "study_id", len(people["sex"]), columns, None, has_patient=False)
    with duckdb.connect() as connection:
        types = {"site": "VARCHAR", "sex": "VARCHAR", "age": "DOUBLE", "has": "VARCHAR"}
        fields = ", ".join(f'"cohort: {name}" {kind}' for name, kind in types.items())
        connection.execute(f"CREATE TABLE cohort (cohort_key VARCHAR, is_out BOOLEAN, {fields})")
        for at, out in enumerate(people["left_out"]):
            values = [f"{at:03}", out, *(people[name][at] for name in types)]
            connection.execute("INSERT INTO cohort VALUES (?, ?, ?, ?, ?, ?)", values)
        connection.execute("CREATE TABLE left_out AS SELECT cohort_key FROM cohort WHERE is_out")
        connection.execute(
            "CREATE TABLE analysed AS SELECT *, cohort_key AS study_id FROM cohort WHERE NOT is_out"
        )
        return tables_one(connection, cohort, ("site",), analysed)


class Reader:
    """What can be reckoned from sums that are known: every small count that they determine."""

    def __init__(self, truth: Mapping[Any, int]) -> None:
        self.atoms, self.truth = list(truth), np.array(list(truth.values()), float)
        self.known: list[np.ndarray] = []

    def sum_of(self, wanted: Any) -> np.ndarray:  # a predicate of atoms
        return np.array([float(bool(wanted(atom))) for atom in self.atoms])

    def learns(self, wanted: Any, value: int) -> None:
        row = self.sum_of(wanted)
        assert row @ self.truth == value, "what is published is not what is true"
        self.known.append(row)

    def small_counts(self, asked: Sequence[Any]) -> Iterator[int]:
        matrix = np.array(self.known) if self.known else np.zeros((1, len(self.atoms)))
        for wanted in asked:
            row = self.sum_of(wanted)
            found = np.linalg.lstsq(matrix.T, row, rcond=None)[0]
            value = int(row @ self.truth)
            if np.allclose(matrix.T @ found, row, atol=1e-6) and 0 < value < LEAST:
                yield value


@settings(max_examples=40)
@given(cohorts())
def test_nothing_small_can_be_reckoned_back(people: dict[str, list[Any]]) -> None:
    """By differences within a table, between all and the groups, and between tables of one column."""
    if sum(not out for out in people["left_out"]) < 2:
        return
    analysed, plain = made(people)
    hidden = {name: table.to_pylist() for name, table in suppress(plain, analysed, LEAST).items()}
    plain = {name: table.to_pylist() for name, table in plain.items()}
    for variable in ("site", "sex", "age", "has"):
        _table_one_holds(people, variable, hidden["table_one"])
    for phenotype in PHENOTYPES.units:
        _groups_hold(phenotype, plain, hidden)
    for measure, phenotype in (("mean", "pressure"), ("mean", "finding"), ("share called", "finding")):
        _periods_hold(measure, phenotype, plain, hidden)


def _table_one_holds(people: Mapping[str, list[Any]], variable: str, published: list[Row]) -> None:
    truth: dict[Any, int] = {}
    values = [each if variable != "age" or each is None else "" for each in people[variable]]
    sites = [each or "(unknown)" for each in people["site"]]
    for atom in zip(values, sites, people["left_out"], strict=True):
        truth[atom] = truth.get(atom, 0) + 1
    levels, groups = list(dict.fromkeys(values)), list(dict.fromkeys(sites))
    for level in levels:
        for group in groups:
            truth.setdefault((level, group, False), 0)
    named = {f"(hidden {number})" for number in range(1, 9)}

    def of_column(row: Row) -> Any:
        table, group = row["table"], row["group"]
        if table == "analysed":
            only = {"analysed": False, "left out": True}
            return lambda atom: group == "" or atom[2] == only[group]
        return lambda atom: not atom[2] and group in ("", atom[1])

    reader = Reader(truth)
    for row in published:
        if row["hidden"]:
            assert all(row[name] is None for name in ("number", "missing", "shown")), row
            continue
        inside = of_column(row)
        # the reader knows how large a column is, and every number of this variable in it
        if not row["variable"]:
            reader.learns(inside, row["number"])
        if row["variable"] != variable:
            continue
        assert not {row["level"], row["group"]} & named, row
        if row["number"] is not None:
            reader.learns(lambda atom: inside(atom) and atom[0] == row["level"], row["number"])  # noqa: B023
        if variable != "age" and "(" in row["shown"]:
            # per cent of those with a value says how many these are
            known = reader.sum_of(lambda atom: inside(atom) and atom[0] is not None)  # noqa: B023
            reader.learns(lambda atom: inside(atom) and atom[0] is not None, int(known @ reader.truth))  # noqa: B023
        if row["missing"] is not None:
            every = of_column({**row, "group": ""})
            reader.learns(lambda atom: every(atom) and atom[0] is None, row["missing"])  # noqa: B023
    asked = [lambda atom, g=g: not atom[2] and atom[1] == g for g in groups]
    asked += [lambda atom: atom[2]]
    for level in levels:
        asked += [lambda atom, v=level, g=g: atom == (v, g, False) for g in groups]
        asked += [lambda atom, v=level, out=out: atom[0] == v and atom[2] in out
                  for out in ({False}, {True}, {False, True})]  # fmt: skip
    assert not list(reader.small_counts(asked)), variable


CELLS = ("unassessed", "called", "not called")


def _atoms(row: Row) -> dict[str, int]:
    called = row.get("called", 0)
    return {"unassessed": row["studies"] - row["assessed"], "called": called,
            "not called": row["assessed"] - called}  # fmt: skip


def _learn_row(reader: Reader, row: Row, inside: Any) -> None:
    reader.learns(inside, row["studies"])
    reader.learns(lambda atom: inside(atom) and atom[-1] != "unassessed", row["assessed"])
    if "called" in row:
        reader.learns(lambda atom: inside(atom) and atom[-1] == "called", row["called"])


def _groups_hold(phenotype: str, plain: Mapping[str, list[Row]], hidden: Mapping[str, list[Row]]) -> None:
    """Estimates and calls by group, of all studies and of each patient's first."""
    fullest = "prevalence" if phenotype in PHENOTYPES.thresholds else "distribution"
    truth: dict[Any, int] = {}
    mine = [row for row in plain[fullest] if row["phenotype"] == phenotype and row["by"]]
    firsts = {row["level"]: _atoms(row) for row in mine if row["counted"] == "patients"}
    for row in mine:
        if row["counted"] == "studies":
            for cell, number in _atoms(row).items():
                truth[row["level"], "first", cell] = firsts[row["level"]][cell]
                truth[row["level"], "further", cell] = number - firsts[row["level"]][cell]
    reader = Reader(truth)
    # a group's size stands in the rows of every phenotype
    for name in ("distribution", "prevalence", "agreement", "discrimination"):
        for row in hidden[name]:
            if row["hidden"]:
                continue
            counted = row.get("counted", "studies")

            def inside(atom: Any, row: Row = row, counted: str = counted) -> bool:
                return (not row["by"] or atom[0] == row["level"]) and (
                    counted == "studies" or atom[1] == "first"
                )

            if name in ("distribution", "prevalence") and row["phenotype"] == phenotype:
                _learn_row(reader, row, inside)
            else:
                reader.learns(inside, row["studies"])
    levels = list(firsts)
    asked: list[Any] = [lambda atom, v=v: atom[0] == v for v in levels]
    for cell in CELLS:
        asked.append(lambda atom, c=cell: atom[2] == c)
        asked += [lambda atom, v=v, c=cell: atom[0] == v and atom[2] == c for v in levels]
        asked += [
            lambda atom, v=v, c=cell, w=w: atom == (v, w, c) for v in levels for w in ("first", "further")
        ]
    assert not list(reader.small_counts(asked)), phenotype
    _compared_hold(phenotype, hidden)


def _compared_hold(phenotype: str, hidden: Mapping[str, list[Row]]) -> None:
    """Against known values: no count, nor what it leaves of the larger one, nor of all less the groups."""
    for name in ("agreement", "discrimination"):
        mine = [row for row in hidden[name] if row["phenotype"] == phenotype]
        shown = [_compared_counts(row) for row in mine if not row["hidden"]]
        assert not any(0 < count < LEAST for counts in shown for count in counts)
        if not mine or mine[0]["hidden"]:
            continue
        groups = [row for row in mine if row["by"]]
        rest = np.array(_compared_counts(mine[0]))
        for row in groups:
            if not row["hidden"]:
                rest -= _compared_counts(row)
        assert not any(0 < count < LEAST for count in np.delete(rest, 0).tolist()), (name, rest)


def _compared_counts(row: Row) -> list[int]:
    counts = [row["patients"], row["studies"], row["known"], row["pairs"], row["studies"] - row["known"],
              row["known"] - row["pairs"]]  # fmt: skip
    if "positives" in row:
        counts += [row["positives"], row["pairs"] - row["positives"]]
        counts += [row[cell] for cell in ("true_yes", "false_yes", "false_no", "true_no")]
    return counts


def _periods_hold(
    measure: str, phenotype: str, plain: Mapping[str, list[Row]], hidden: Mapping[str, list[Row]]
) -> None:
    """Estimates over time, those without a day, and all of them."""
    table = "distribution" if measure == "mean" else "prevalence"

    def mine(rows: list[Row]) -> list[Row]:
        return [row for row in rows if (row["measure"], row["phenotype"]) == (measure, phenotype)]

    def counted(row: Row) -> Row:
        share = {} if measure == "mean" else {"called": round((row["value"] or 0) * row["assessed"])}
        return {**row, **share}

    (every,) = [row for row in plain[table] if (row["phenotype"], row["by"], row["counted"]) ==
                (phenotype, "", "studies")]  # fmt: skip
    periods = mine(plain["trend"])
    truth = {
        (row["period"], cell): number for row in periods for cell, number in _atoms(counted(row)).items()
    }
    for cell, number in _atoms(every).items():
        dated = sum(value for (_, each), value in truth.items() if each == cell)
        truth["undated", cell] = number - dated
    reader = Reader(truth)
    for row in hidden["trend"]:
        if not row["hidden"]:
            reader.learns(lambda atom, p=row["period"]: atom[0] == p, row["studies"])
    for row in mine(hidden["trend"]):
        if not row["hidden"]:
            _learn_row(reader, counted(row), lambda atom, p=row["period"]: atom[0] == p)
    for row in hidden[table]:
        if not row["hidden"] and (row["phenotype"], row["by"], row["counted"]) == (phenotype, "", "studies"):
            _learn_row(reader, row, lambda atom: True)
    for row in mine(hidden["slopes"]):
        if not row["hidden"]:
            reader.learns(lambda atom: atom[0] != "undated" and atom[1] != "unassessed", row["assessed"])
    names = [row["period"] for row in periods] + ["undated"]
    asked: list[Any] = [lambda atom, p=p: atom[0] == p for p in names]
    asked += [lambda atom, p=p, c=c: atom == (p, c) for p in names for c in CELLS]
    assert not list(reader.small_counts(asked)), (measure, phenotype)
