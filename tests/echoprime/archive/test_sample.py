"""A sample drawn in one pass: even over the stream, equal chances, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.archive import StratifiedSample


def draw(stream: int, size: int, seed: int = 0) -> list[int]:
    sample: StratifiedSample[int] = StratifiedSample(size, seed)
    for item in range(stream):
        sample.add(item)
    return sample.drawn()


@given(stream=st.integers(0, 400), size=st.integers(1, 40), seed=st.integers(0, 9))
def test_as_many_as_asked_for_and_none_twice(stream: int, size: int, seed: int) -> None:
    found = draw(stream, size, seed)
    assert len(set(found)) == len(found)
    assert set(found) <= set(range(stream))
    # the last window may give none
    assert min(stream, size) - 1 <= len(found) <= size
    assert found == draw(stream, size, seed)


def test_of_a_short_stream_everything_is_taken() -> None:
    assert sorted(draw(20, 20)) == list(range(20))
    assert draw(20, 20) != list(range(20))


@pytest.mark.parametrize("stream", [128, 777])
def test_every_item_has_the_same_chance(stream: int) -> None:
    """Over 3,000 draws no tenth of the stream comes more often than its length says, by four deviations."""
    size, draws = 16, 3_000
    tenth = np.arange(stream) * 10 // stream
    expected = np.bincount(tenth) / stream
    counts = np.zeros(10)
    for seed in range(draws):
        counts += np.bincount(tenth[draw(stream, size, seed)], minlength=10)
    deviation = np.sqrt(expected * (1 - expected) / counts.sum())
    assert (np.abs(counts / counts.sum() - expected) < 4 * deviation).all()


def test_windows_are_even_where_chance_would_not_be() -> None:
    """The count in each eighth varies less than if items were drawn one by one."""
    counts = np.zeros((300, 8))
    for seed in range(300):
        for item in draw(1024, 64, seed):
            counts[seed, item // 128] += 1
    assert counts.var(axis=0).mean() < 0.5 * 64 * (1 / 8) * (7 / 8)
