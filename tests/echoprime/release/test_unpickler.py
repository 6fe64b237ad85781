"""Pickles: plain data come through, anything else is refused by name and never run."""

import collections
import datetime
import math
import os
import pickle

import numpy as np
import pandas as pd
import pytest

from echoprime.errors import BundleError
from echoprime.release import load_pickle

PLAIN = {
    "numbers": [1, -2, 10**30, 1.5, True, None, "text", b"bytes"],
    "tuple": (0, 1, "septal"),
    "set": {1, 2},
    "frozen": frozenset({3}),
    "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
    "default": collections.defaultdict(dict, {"a": {1: 2.0}}),
}


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_come_through(tmp_path, protocol):
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps(PLAIN, protocol))
    assert load_pickle(path) == PLAIN


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [np.float64(49.37), np.float32(0.1), np.int64(-3), np.bool_(True), np.str_("wall"), np.uint8(255)],
)
def test_numpy_scalars_print_as_before(tmp_path, protocol, value):
    path = tmp_path / "scalar.pkl"
    path.write_bytes(pickle.dumps([value], protocol))
    (found,) = load_pickle(path)
    assert found == value
    assert str(found) == str(value)


def test_numpy_nan(tmp_path):
    (tmp_path / "nan.pkl").write_bytes(pickle.dumps(np.float64("nan")))
    assert math.isnan(load_pickle(tmp_path / "nan.pkl"))


def test_names_of_numpy_1_are_known(tmp_path):
    data = pickle.dumps(np.float64(2.5), 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "old.pkl").write_bytes(data)
    assert load_pickle(tmp_path / "old.pkl") == 2.5


class _Harm:
    def __reduce__(self):
        return os.mkdir, ("harm-was-done",)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (_Harm(), r"(posix|nt)\.mkdir"),
        (datetime.date(2020, 1, 1), "datetime.date"),
        (np.arange(3), "numpy.*(_frombuffer|_reconstruct)"),
        (pd.Series([1.0]), "pandas"),
        (print, "builtins.print"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path, monkeypatch, value, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "harm.pkl"
    path.write_bytes(pickle.dumps({"a": [value]}))
    with pytest.raises(BundleError, match=rf"harm.pkl: refused, it asks for {name}"):
        load_pickle(path)
    assert [each.name for each in tmp_path.iterdir()] == ["harm.pkl"]


def test_numpy_scalar_of_objects_is_refused(tmp_path):
    data = pickle.dumps(np.float64(1), 4).replace(b"\x8c\x02f8", b"\x8c\x02O8")
    (tmp_path / "object.pkl").write_bytes(data)
    with pytest.raises(BundleError, match="a numpy value of type 'O8'"):
        load_pickle(tmp_path / "object.pkl")


@pytest.mark.parametrize("data", [b"", b"no pickle", pickle.dumps([1] * 1000)[:-200], b"\x80\x04}."[:2]])
def test_damage_is_told(tmp_path, data):
    (tmp_path / "damaged.pkl").write_bytes(data)
    with pytest.raises(BundleError, match=r"damaged.pkl"):
        load_pickle(tmp_path / "damaged.pkl")


def test_missing_file_is_told(tmp_path):
    with pytest.raises(BundleError, match=r"gone.pkl: missing from the release"):
        load_pickle(tmp_path / "gone.pkl")
