"""A streamed pickle gives what pickle itself gives, whatever its protocol and shape."""

import contextlib
import math
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.errors import BundleError
from echoprime.release.candidates import read_labels
from echoprime.release.reports import read_reports
from echoprime.release.streaming import NotPlain, stream_pickle

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner, inner, inner)
    ),
    max_leaves=20,
)


class Gathered:
    def __init__(self, key=None):
        self.key = key
        self.items = []

    def extend(self, items):
        self.items += items


def write(folder, name, value, protocol=4):
    path = Path(folder) / name
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@settings(max_examples=150, deadline=None)
@given(value=PLAIN, protocol=st.sampled_from(PROTOCOLS))
def test_any_plain_data(value, protocol):
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, "plain.pkl", value, protocol)
        try:
            found = stream_pickle(path, {})
        except NotPlain:  # pickle shares equal containers now and then: those are read in one piece
            return
        assert found == value
        assert repr(found) == repr(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 1001, 2001, 9000])
def test_reports_come_in_order_whatever_their_number(tmp_path, protocol, count):
    """1001 and 2001 end with a lone item, for which pickle has another instruction."""
    wall = "septal"
    reports = [
        [(number % 16, 3, math.nan), (0, 300, 70000 + number), (1, 2, wall)][: number % 4]
        for number in range(count)
    ]
    write(tmp_path, "candidate_reports.pkl", reports, protocol)
    taken = []
    read_reports(tmp_path, count, taken.append)
    assert repr([report for block in taken for report in block]) == repr(reports)
    assert max(map(len, taken), default=0) <= 8192


def test_shared_tuples_are_read_in_one_piece_without_doubling(tmp_path):
    shared = (0, 1, "x")
    reports = [[shared], *([(2, number % 200, 2.5)] for number in range(9000)), [shared]]
    write(tmp_path, "candidate_reports.pkl", reports)
    with pytest.raises(NotPlain):
        stream_pickle(tmp_path / "candidate_reports.pkl", {(0, list): Gathered})
    taken = []
    read_reports(tmp_path, len(reports), taken.append)
    assert [report for block in taken for report in block] == reports


def test_numpy_values_are_read_in_one_piece(tmp_path):
    reports = [[(0, 0, np.float64(1.5))], [(0, 0, np.float32(0.1))]]
    write(tmp_path, "candidate_reports.pkl", reports)
    taken = []
    read_reports(tmp_path, 2, taken.append)
    assert [str(report[0][2]) for report in taken[0]] == ["1.5", "0.1"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_labels(tmp_path, protocol):
    studies = np.array([70000, 3, 5, 3, 2**33, 9])
    labels = {
        "many": {3: 1, 5: 0.5, 70000: math.nan, 2**33: None, 11: 1, **{1000 + n: n for n in range(2500)}},
        "one": {9: 1},
        "none": {},
        "unasked": {3: 1},
    }
    write(tmp_path, "candidate_labels.pkl", labels, protocol)
    found = read_labels(tmp_path, studies, ["one", "many", "none"])
    nan = math.nan
    expected = [[nan, nan, nan, nan, nan, 1], [nan, 1, 0.5, 1, nan, nan], [nan] * 6]
    np.testing.assert_array_equal(found.T, expected)


def test_labels_of_numpy_values(tmp_path):
    write(tmp_path, "candidate_labels.pkl", {"a": {np.int64(3): np.float64(0.5)}})
    assert read_labels(tmp_path, np.array([3, 4]), ["a"])[0, 0] == 0.5


def test_code_is_never_run(tmp_path, monkeypatch):
    class Harm:
        def __reduce__(self):
            return os.mkdir, ("harm-was-done",)

    monkeypatch.chdir(tmp_path)
    write(tmp_path, "candidate_reports.pkl", [[(0, 0, Harm())]])
    with pytest.raises(BundleError, match="refused, it asks for"):
        read_reports(tmp_path, 1, lambda block: None)
    assert [path.name for path in tmp_path.iterdir()] == ["candidate_reports.pkl"]


def test_every_way_of_cutting_a_file_short_is_told(tmp_path):
    path = write(tmp_path, "p.pkl", [[(0, 1, 2.5), (300, 70000, "text")], {"a": (1,)}])
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises((BundleError, NotPlain)):
            stream_pickle(path, {(0, list): Gathered})


@settings(max_examples=200, deadline=None)
@given(data=st.binary(min_size=1, max_size=40))
def test_any_bytes_end(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.pkl"
        path.write_bytes(data)
        with contextlib.suppress(BundleError, NotPlain):
            stream_pickle(path, {(0, list): Gathered, (1, dict): Gathered})
