"""The bfloat16 filter's bound, where all roundings go the same way and nearly reach it."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echoprime.errors import SettingError
from echoprime.retrieval import scan
from echoprime.retrieval.bfloat16 import BFloat16Filter
from echoprime.retrieval.rescoring import lengths
from tests.echoprime.retrieval.drawn import rows_of

HALF = 2.0**-8
"""1 + HALF lies between two bfloat16 numbers and is rounded down; 1 + 3 * HALF is rounded up."""

NOBODY = scan.Excluded(np.zeros(0, np.int64), np.zeros(0, np.int64))


def found_and_exact(matrix, queries):
    """The filter's scores (rows, queries), the true ones, and the slack."""
    filter_ = BFloat16Filter(rows_of(matrix), float(lengths(matrix).max()))
    lines, slack = filter_.project(queries)
    codes = np.empty((len(matrix), len(queries)), filter_.scores)
    for first, block in filter_.blocks(64):
        filter_.product(block, lines, codes[first : first + len(block)])
    out = filter_.maxima(codes, 1)
    return out.astype(np.float64), matrix.astype(np.float64) @ queries.T.astype(np.float64), slack


@settings(max_examples=40, deadline=None)
@given(
    of_rows=st.sampled_from((HALF, 3 * HALF)),
    of_queries=st.sampled_from((HALF, 3 * HALF)),
    used=st.integers(1, 512),
    queries=st.integers(1, 3),
    sign=st.sampled_from((-1.0, 1.0)),
    scale=st.integers(-50, 50),
)
@example(of_rows=HALF, of_queries=HALF, used=257, queries=1, sign=1.0, scale=0)
@example(of_rows=HALF, of_queries=HALF, used=257, queries=3, sign=-1.0, scale=-40)
@example(of_rows=3 * HALF, of_queries=3 * HALF, used=261, queries=3, sign=1.0, scale=40)
def test_slack_holds_where_all_errors_have_one_sign(of_rows, of_queries, used, queries, sign, scale):
    matrix = np.zeros((70, 512), np.float32)
    matrix[:, :used] = (1 + of_rows) * 2.0**scale
    asked = np.zeros((queries, 512), np.float32)
    asked[:, :used] = sign * (1 + of_queries)
    found, exact, slack = found_and_exact(matrix, asked)
    assert (np.abs(found - exact) <= slack).all()


def test_slack_is_nearly_reached():
    """Row, query and sum are all rounded down by as much as there is: the bound cannot be smaller."""
    matrix = np.zeros((1, 512), np.float32)
    matrix[:, :257] = 1 + HALF
    found, exact, slack = found_and_exact(matrix, matrix)
    assert found[0, 0] == 256
    assert 0.98 * slack[0] < exact[0, 0] - found[0, 0] <= slack[0]


def test_the_nearest_row_is_not_lost_to_one_that_is_rounded_up():
    """Two rows of which bfloat16 says 512 and 520, and float64 516.086 and 516.0002."""
    query = np.ones((1, 536), np.float32)
    query[:, :24] += HALF
    down, up = np.zeros((2, 536), np.float32)
    down[:257], down[257:512] = 1 + HALF, 1 + 3 * HALF - 2.0**-20
    up[24:280], up[280:] = 1 + HALF + 2.0**-20, 1 + 3 * HALF
    others = np.random.default_rng(0).standard_normal((2000, 536)).astype(np.float32)
    others *= 10 / lengths(others)[:, None].astype(np.float32)
    matrix = np.concatenate([others[:1000], [down, up], others[1000:]])
    rows, largest = rows_of(matrix), float(lengths(matrix).max())
    narrow, exact, _ = found_and_exact(matrix, query)
    assert narrow[1000:1002, 0].tolist() == [512, 520]
    found, scores = scan.nearest(rows, query, 1, largest, NOBODY, first=BFloat16Filter(rows, largest))
    assert found.tolist() == [[1000]]
    assert scores[0, 0] == pytest.approx(exact[1000, 0], rel=1e-12)


@pytest.mark.parametrize("wrong", [5, np.nan])
def test_products_that_break_the_bound_are_refused(monkeypatch, wrong):
    matrix = np.random.default_rng(6).standard_normal((100, 64)).astype(np.float32)
    maxima = BFloat16Filter.maxima
    monkeypatch.setattr(BFloat16Filter, "maxima", lambda self, *each: maxima(self, *each) + np.float32(wrong))
    with pytest.raises(SettingError, match="multiplies too inexactly; use float32"):
        BFloat16Filter(rows_of(matrix), 20.0)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.sampled_from((-np.inf, -3.0, -(2.0**-100), -0.0, 0.0, 1.5, 7.0)), min_size=1, max_size=40
    ),
    size=st.sampled_from((1, 2, 4, 16)),
)
def test_codes_have_the_maxima_of_their_numbers(values, size):
    numbers = torch.tensor(values).to(torch.bfloat16)[:, None]
    filter_ = BFloat16Filter(rows_of(np.ones((4, 8), np.float32)), 3.0)
    found = filter_.maxima(numbers.view(torch.int16).numpy(), size)
    groups = [max(values[first : first + size]) for first in range(0, len(values), size)]
    np.testing.assert_array_equal(found[:, 0], torch.tensor(groups).to(torch.bfloat16).float().numpy())
    assert torch.tensor([-np.inf]).to(torch.bfloat16).view(torch.int16).item() == filter_.left_out
