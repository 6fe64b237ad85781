"""The way of a GPU's portions, walked on cores: one ahead, computed in one shape, cut to what came."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from echoprime.networks import batching
from echoprime.networks.batching import Upload, in_portions

CPU = torch.device("cpu")


class Recorded(Upload):
    """An upload that writes down when it was asked."""

    def __init__(self, events):
        super().__init__(CPU)
        self._events = events

    def __call__(self, tensors):
        self._events.append(("up", int(tensors[0][0, 0])))
        return super().__call__(tensors)


def filled(rows, events, size=2):
    values = np.arange(rows, dtype=np.float32)[:, None].repeat(3, axis=1)
    parts = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
    result = np.full((rows, 3), np.nan, np.float32)

    def compute(portion):
        assert portion.shape == (size, 3)
        events.append(("compute", int(portion[0, 0])))
        return portion * 10

    portions = ([batching._padded(values[part], size)] for part in parts)
    batching._fill_ahead(compute, portions, parts, Recorded(events), result)
    assert np.array_equal(result, values * 10)


def test_each_portion_goes_up_while_the_one_before_is_computed():
    events = []
    filled(5, events)
    assert events == [("up", 0), ("compute", 0), ("up", 2), ("compute", 2), ("up", 4), ("compute", 4)]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_go_the_same_way(rows):
    events = []
    filled(rows, events)
    assert len(events) == 2 * -(-rows // 2)


def test_the_error_of_a_portion_is_the_callers():
    with pytest.raises(RuntimeError, match="out of memory"):
        in_portions(failing, (np.ones((3, 2), np.float32),), size=1, device=CPU, outputs=2)


def failing(rows):
    raise RuntimeError("out of memory")
