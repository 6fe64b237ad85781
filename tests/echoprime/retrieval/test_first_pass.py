"""Which filter a search begins with, and what it takes to make it."""

import subprocess
import sys

import numpy as np
import pytest

from echoprime.errors import SettingError
from echoprime.retrieval import first_pass as module
from echoprime.retrieval import int8, scan
from echoprime.retrieval.filters import Float32Filter
from echoprime.retrieval.first_pass import LEAST_ROWS, PAYS_AFTER, FirstPass
from echoprime.retrieval.int8 import Int8Filter
from echoprime.retrieval.principal import PrincipalFilter
from echoprime.retrieval.rescoring import lengths
from tests.echoprime.retrieval.drawn import NOBODY, drawn_matrix, rows_of


def test_auto_prepares_directions_when_it_pays_where_there_is_no_int8(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CPU", tmp_path / "none")
    rng = np.random.default_rng(5)
    matrix = drawn_matrix(rng, 40_000, 32, 2.0, 1.0)
    first_pass = FirstPass(rows_of(matrix), 100.0, "auto")
    assert isinstance(first_pass.of(PAYS_AFTER - 1), Float32Filter)
    made_once = first_pass.of(1)
    assert isinstance(made_once, PrincipalFilter)
    assert first_pass.of(1) is made_once
    few = FirstPass(rows_of(matrix[:1000]), 100.0, "auto")
    assert isinstance(few.of(PAYS_AFTER), Float32Filter)


@pytest.mark.parametrize(
    ("described", "wanted"),
    [
        ("processor : 0\nflags : fpu avx512f\n", Float32Filter),
        ("flags : fpu avx512_vnni sse\n", Int8Filter),
        ("flags : fpu amx_int8 amx_tile\n", Int8Filter),
        ("flags : amx_int8_of_another_name\n", Float32Filter),
        (None, Float32Filter),
    ],
)
def test_auto_takes_int8_where_linux_says_the_cores_have_it(tmp_path, monkeypatch, described, wanted):
    if described is not None:
        (tmp_path / "cpuinfo").write_text(described)
    monkeypatch.setattr(module, "_CPU", tmp_path / "cpuinfo")
    flat = np.random.default_rng(1).standard_normal((LEAST_ROWS, 32)).astype(np.float32)
    assert isinstance(FirstPass(rows_of(flat), 100.0, "auto").of(PAYS_AFTER), wanted)


def test_auto_takes_few_directions_before_int8_and_int8_before_many(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : avx512_vnni\n")
    monkeypatch.setattr(module, "_CPU", tmp_path / "cpuinfo")
    rng = np.random.default_rng(1)
    steep, gentle = (drawn_matrix(rng, LEAST_ROWS, 64, decay, 1.0) for decay in (2.0, 0.9))
    few = FirstPass(rows_of(steep), 100.0, "auto").of(PAYS_AFTER)
    assert isinstance(few, PrincipalFilter)
    assert few.width <= 64 * module.FEW
    assert isinstance(FirstPass(rows_of(gentle), 100.0, "auto").of(PAYS_AFTER), Int8Filter)
    monkeypatch.setattr(module, "_CPU", tmp_path / "none")
    many = FirstPass(rows_of(gentle), 100.0, "auto").of(PAYS_AFTER)
    assert isinstance(many, PrincipalFilter)
    assert many.width > 64 * module.FEW


def refuse(rows, queries, out):
    raise RuntimeError("no such product\nfor many reasons")


@pytest.mark.parametrize("multiply", [lambda rows, queries, out: out.fill(0), refuse])
def test_auto_does_without_int8_where_products_are_inexact_or_refused(tmp_path, monkeypatch, multiply):
    (tmp_path / "cpuinfo").write_text("flags : avx512_vnni\n")
    monkeypatch.setattr(module, "_CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr(int8, "_multiply", multiply)
    rng = np.random.default_rng(1)
    flat = rng.standard_normal((LEAST_ROWS, 32)).astype(np.float32)
    near = drawn_matrix(rng, LEAST_ROWS, 64, 0.9, 1.0)  # more directions than are taken before int8
    assert isinstance(FirstPass(rows_of(flat), 100.0, "auto").of(PAYS_AFTER), Float32Filter)
    assert isinstance(FirstPass(rows_of(near), 100.0, "auto").of(PAYS_AFTER), PrincipalFilter)
    with pytest.raises(SettingError, match=r"--search-filter int8: .*; use float32$"):
        FirstPass(rows_of(near), 100.0, "int8").prepare()


def test_torch_is_not_imported_where_nothing_multiplies_int8():
    """It takes 260 MB in the process of every shard."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "PrincipalFilter",
        "False",
        "Float32Filter",
        "False",
        "PrincipalFilter",
        "False",
    ]


WITHOUT_TORCH = """
import sys
from pathlib import Path
import numpy as np
import operators.candidate_shard
from echoprime.retrieval import first_pass
from tests.echoprime.retrieval.drawn import drawn_matrix, rows_of

rng = np.random.default_rng(1)
near = drawn_matrix(rng, first_pass.LEAST_ROWS, 32, 2.0, 1.0)
flat = rng.standard_normal(near.shape).astype(np.float32)
first_pass._CPU = Path("/none")
for matrix, name in ((near, "auto"), (flat, "auto"), (flat, "principal")):
    made = first_pass.FirstPass(rows_of(matrix), 100.0, name).of(first_pass.PAYS_AFTER)
    print(type(made).__name__, "torch" in sys.modules)
"""


@pytest.mark.parametrize("name", ["auto", "principal", "int8"])
@pytest.mark.parametrize("largest", [1e19, 1e30])
def test_long_rows_get_the_whole_product(name, largest):
    rng = np.random.default_rng(2)
    matrix = drawn_matrix(rng, 17_000, 32, 2.0, 1.0)
    matrix *= np.float32(largest / lengths(matrix).max())
    rows, norm = rows_of(matrix), float(lengths(matrix).max())
    queries = rng.standard_normal((PAYS_AFTER, 32)).astype(np.float32)
    filter_ = FirstPass(rows, norm, name).of(PAYS_AFTER)
    assert isinstance(filter_, Float32Filter)
    found, _ = scan.nearest(rows, queries[:5], 3, norm, NOBODY, first=filter_)
    for query, best in zip(queries[:5], found, strict=True):
        exact = (matrix.astype(np.float64) * query).sum(axis=1)
        assert best.tolist() == np.lexsort((np.arange(len(exact)), -exact))[:3].tolist()


@pytest.mark.parametrize("norm", [np.inf, np.nan])
def test_a_norm_that_is_not_finite_gets_the_whole_product(norm):
    matrix = np.ones((100, 32), np.float32)
    assert isinstance(FirstPass(rows_of(matrix), norm, "principal").of(1), Float32Filter)
