"""The int8 filter's bound, where all roundings go the same way and nearly reach it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.errors import SettingError
from echoprime.retrieval import int8, scan
from echoprime.retrieval.coordinates import WholeRows
from echoprime.retrieval.int8 import LARGEST, Int8Filter
from echoprime.retrieval.rescoring import errors, lengths
from tests.echoprime.retrieval.drawn import NOBODY, rows_of


def made(matrix):
    return Int8Filter(rows_of(matrix), WholeRows(matrix.shape[1], float(lengths(matrix).max())))


def found_and_exact(matrix, queries):
    """The filter's scores (rows, queries), the true ones, and the slack."""
    filter_ = made(matrix)
    lines, slack = filter_.project(queries)
    scores = np.empty((len(matrix), len(queries)), filter_.scores)
    for first, block in filter_.blocks(64):
        filter_.product(block, lines, scores[first : first + len(block)])
    return scores * lines.step + lines.offset, matrix.astype(np.float64) @ queries.T.astype(np.float64), slack


def between_steps(part, used=512, scale=1.0):
    """Rows over a range of 254 steps; the last one lies `part` of a step above one, in every number."""
    matrix = np.zeros((70, 512), np.float32)
    matrix[0, :used], matrix[1, :used] = LARGEST, -LARGEST
    matrix[2:, :used] = 50 + part
    return matrix * np.float32(scale)


@settings(max_examples=60, deadline=None)
@given(
    of_rows=st.sampled_from((0.49, -0.49)),
    of_queries=st.sampled_from((0.0, 0.49, -0.49)),
    used=st.integers(1, 512),
    sign=st.sampled_from((-1.0, 1.0)),
    scale=st.integers(-60, 50),
)
def test_slack_holds_where_all_errors_have_one_sign(of_rows, of_queries, used, sign, scale):
    matrix = between_steps(of_rows, used, 2.0**scale)
    asked = np.full((2, 512), sign * (100 + of_queries), np.float32)
    asked[1, 0] = sign * LARGEST  # the query's own steps are whole numbers
    found, exact, slack = found_and_exact(matrix, asked)
    assert (np.abs(found - exact) <= slack).all()


def test_slack_is_nearly_reached():
    """Every number of a row is rounded by half a step, all to one side: the bound cannot be smaller."""
    found, exact, slack = found_and_exact(between_steps(0.499), np.ones((1, 512), np.float32))
    assert 0.98 * slack[0] < exact[2, 0] - found[2, 0] <= slack[0]


def test_the_nearest_row_is_not_lost_to_one_that_is_rounded_up():
    sign = np.where(np.arange(512) % 2, -1, 1)
    down, up = np.full((2, 512), 50.49)
    down[:20], up[:] = 51.49, 50.51  # down is better in the sum by 10, and its codes are less by 492
    others = np.random.default_rng(0).standard_normal((3000, 512)) * 10
    matrix = np.concatenate([between_steps(0)[:2], others]).astype(np.float32)
    matrix[1000], matrix[2000] = sign * up, sign * down
    rows, largest = rows_of(matrix), float(lengths(matrix).max())
    query = sign[None].astype(np.float32)
    narrow, exact, _ = found_and_exact(matrix, query)
    assert exact[:, 0].argmax() == 2000
    assert narrow[:, 0].argmax() == 1000
    found, scores = scan.nearest(rows, query, 1, largest, NOBODY, first=made(matrix))
    assert found.tolist() == [[2000]]
    assert scores[0, 0] == pytest.approx(exact[2000, 0], rel=1e-12)


@pytest.mark.parametrize("common", [0.0, 777.7, -1e6])
@pytest.mark.parametrize("spread", [0.1, 1e-4, 1e-6])
def test_slack_holds_without_what_other_scores_need(common, spread):
    """Large numbers in common take most digits of float32; the room for float64 scores hides nothing here."""
    rng = np.random.default_rng(3)
    matrix = (rng.standard_normal((300, 512)) * spread + common).astype(np.float32)
    queries = rng.standard_normal((20, 512)).astype(np.float32)
    found, exact, slack = found_and_exact(matrix, queries)
    room = slack - errors(queries, float(lengths(matrix).max()))
    in_float64 = 2.0**-44 * lengths(queries) * float(lengths(matrix).max())
    assert (np.abs(found - exact) <= room + in_float64).all()


def test_rows_that_are_all_alike_or_zero():
    for matrix in (np.ones((40, 16), np.float32), np.zeros((40, 16), np.float32)):
        queries = np.random.default_rng(1).standard_normal((3, 16)).astype(np.float32)
        found, exact, slack = found_and_exact(matrix, queries)
        assert (np.abs(found - exact) <= slack).all()
        assert slack.max() < 1e-2


@settings(max_examples=60, deadline=None)
@given(
    common=st.sampled_from((0.0, 777.7, -1e6)),
    spread=st.sampled_from((1.0, 1e-3, 1e-6)),
    of_query=st.sampled_from((1e-20, 1.0, 1e6)),
    seed=st.integers(0, 1000),
)
def test_a_threshold_stands_for_the_lowest_score_that_reaches_it(common, spread, of_query, seed):
    """In exact fractions, but for what float64 rounds, for which the slack has room."""
    rng = np.random.default_rng(seed)
    matrix = (rng.standard_normal((60, 64)) * spread + common).astype(np.float32)
    filter_ = made(matrix)
    queries = (rng.standard_normal((5, 64)) * of_query).astype(np.float32)
    lines, slack = filter_.project(queries)
    scores = np.empty((60, 5), np.int32)
    filter_.product(filter_.blocks(64)[0][1], lines, scores)
    room = 2.0**-44 * 64 * lengths(queries) * float(lengths(matrix).max())
    assert (room < slack / 100).all()
    for row in range(0, 60, 9):
        threshold = scores[row] * lines.step + lines.offset
        least = filter_.least(lines, threshold).tolist()
        for line in range(5):
            stands_for = Fraction(lines.step[line]) * least[line] + Fraction(lines.offset[line])
            off = stands_for - Fraction(threshold[line])
            assert -Fraction(lines.step[line]) - Fraction(room[line]) <= off <= Fraction(room[line])
    assert (filter_.least(lines, np.full(5, np.inf)) == filter_.above_all).all()
    assert (filter_.least(lines, np.full(5, -np.inf)) > filter_.left_out).all()


@pytest.mark.parametrize("wrong", [1, -(2**20)])
def test_products_that_are_not_exact_are_refused(monkeypatch, wrong):
    multiply = int8._multiply

    def inexact(rows, queries, out):
        multiply(rows, queries, out)
        out[0, 0] += wrong

    monkeypatch.setattr(int8, "_multiply", inexact)
    with pytest.raises(SettingError, match="multiplies inexactly; use float32"):
        made(np.ones((4, 8), np.float32))
