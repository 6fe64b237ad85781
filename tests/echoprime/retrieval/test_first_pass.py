"""Which filter a search begins with, and what it takes to make it."""

import numpy as np

from echoprime.retrieval.filters import Float32Filter
from echoprime.retrieval.first_pass import PAYS_AFTER, FirstPass
from echoprime.retrieval.principal import PrincipalFilter
from tests.echoprime.retrieval.drawn import drawn_matrix, rows_of


def test_auto_prepares_directions_when_it_pays():
    rng = np.random.default_rng(5)
    matrix = drawn_matrix(rng, 40_000, 32, 2.0, 1.0)
    first_pass = FirstPass(rows_of(matrix), 100.0, "auto")
    assert isinstance(first_pass.of(PAYS_AFTER - 1), Float32Filter)
    made_once = first_pass.of(1)
    assert isinstance(made_once, PrincipalFilter)
    assert first_pass.of(1) is made_once
    few = FirstPass(rows_of(matrix[:1000]), 100.0, "auto")
    assert isinstance(few.of(PAYS_AFTER), Float32Filter)
