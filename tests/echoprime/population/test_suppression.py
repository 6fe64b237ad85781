"""Small counts: hidden, and not to be reckoned back from what is left."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from echoprime.population.suppression import hidden_places, suppress
from tests.echoprime.population.test_study import small_study


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(2, 12))
def test_what_is_hidden_cannot_be_reckoned_back(counts: list[int], least: int) -> None:
    hidden = hidden_places([[count] for count in counts], least)
    shown = [count for place, count in enumerate(counts) if place not in hidden]
    assert all(count == 0 or count >= least for count in shown)
    if hidden:
        # the rest of the whole is what a reader learns of the hidden together
        together = sum(counts) - sum(shown)
        others = [count for count in shown if count]
        assert not others or (together >= least and len(hidden) > 1)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6))
def test_both_sides_of_a_share(pairs: list[tuple[int, int]]) -> None:
    least = 5
    hidden = hidden_places([[yes + no, yes, no] for yes, no in pairs], least)
    for place, counts in enumerate(pairs):
        assert place in hidden or all(count == 0 or count >= least for count in counts)


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
    table = small_study(tmp_path).tables["flow"]
    assert suppress("flow", table, 100) is table
