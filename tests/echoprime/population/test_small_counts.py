"""Which rows are hidden: small ones, and never one alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echoprime.population.small_counts import hidden_places


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
