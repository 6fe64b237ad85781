"""The set on disk: what goes in comes out, shards span files, damage is told."""

import json
import math
import pickle

import numpy as np
import pyarrow as pa
import pytest

from echoprime.errors import BundleError
from echoprime.retrieval import CandidateSet, CandidateWriter, write_candidates
from echoprime.retrieval.writing import value_text
from tests.echoprime.retrieval.drawn import LABELS, Drawn


def test_files_have_the_columns_that_are_documented(tmp_path):
    drawn = Drawn(tmp_path, 10, 3, seed=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "candidates.json",
        *(f"embeddings-0000{number}-of-00003.npy" for number in range(3)),
        *(f"studies-0000{number}-of-00003.arrow" for number in range(3)),
    ]
    table = pa.concat_tables(
        pa.ipc.open_file(tmp_path / f"studies-0000{number}-of-00003.arrow").read_all() for number in range(3)
    )
    assert table["study"].to_pylist() == drawn.studies
    assert table["patient"].to_pylist() == drawn.patients
    expected = [None if math.isnan(value) else value for value in drawn.labels[:, 1]]
    assert table["label_second"].to_pylist() == expected
    assert table["sections"].type == pa.uint32()
    assert table["sections"].to_pylist()[:6] == [0, 9, 0, 9, 0, 11]
    assert table["report"][5].as_py() == [
        {"section": 0, "phrase": 1, "value": "0.5"},
        {"section": 3, "phrase": 0, "value": "text"},
        {"section": 0, "phrase": 2, "value": None},
        {"section": 1, "phrase": 5, "value": "5"},
    ]


@pytest.mark.parametrize(("lo", "hi"), [(0, 10), (2, 9), (4, 4), (3, 4), (9, 10)])
def test_shards_span_files(tmp_path, lo, hi):
    drawn = Drawn(tmp_path, 10, 3, seed=0)
    shard = drawn.set.shard(lo, hi)
    assert len(shard) == hi - lo
    hits = shard.search(np.ones((1, 32), np.float32), np.array([-1]), 20)
    assert sorted(hits.rows[hits.rows >= 0].tolist()) == list(range(lo, hi))


def test_blocks_of_any_size_write_the_same_bytes(tmp_path):
    drawn = Drawn(tmp_path / "whole", 10, 3, seed=0)
    writer = CandidateWriter(
        tmp_path / "pieces", rows=10, labels=LABELS, embedding_space="drawn", files=3, dimension=32
    )
    for first, last in ((0, 1), (1, 7), (7, 10)):
        here = slice(first, last)
        writer.append(
            drawn.embeddings[here],
            drawn.studies[here],
            drawn.labels[here],
            drawn.reports[here],
            drawn.patients[here],
        )
    assert writer.close() == 10
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "pieces" / path.name).read_bytes() == path.read_bytes()


def test_no_row_is_longer_than_it_says(tmp_path):
    drawn = Drawn(tmp_path, 10, 2, seed=0)
    lengths = np.sqrt(np.square(drawn.embeddings, dtype=np.float64).sum(axis=1))
    assert lengths.max() < drawn.set.largest_norm < lengths.max() * 1.0001


def test_set_travels_by_pickle(tmp_path):
    drawn = Drawn(tmp_path, 10, 2, seed=0)
    assert pickle.loads(pickle.dumps(drawn.set)) == drawn.set


def test_values_are_written_as_the_original_writes_them():
    values = [60, 60.0, 49.37, np.float64(1.5), np.float32(0.1), np.int64(3), "septal", "nan"]
    assert [value_text(value) for value in values] == [
        *("60", "60.0", "49.37", "1.5", "0.1", "3"),
        *("septal", "nan"),
    ]
    assert [value_text(value) for value in (None, math.nan, np.float32("nan"))] == [None] * 3


def test_missing_set_is_told(tmp_path):
    with pytest.raises(BundleError, match="import the release again"):
        CandidateSet.open(tmp_path)


def test_other_format_is_refused(tmp_path):
    Drawn(tmp_path, 4, 1, seed=0)
    path = tmp_path / "candidates.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(BundleError, match="format 99, this version reads 1"):
        CandidateSet.open(tmp_path)


def test_files_that_do_not_fit_are_named(tmp_path):
    drawn = Drawn(tmp_path, 10, 2, seed=0)
    np.save(tmp_path / "embeddings-00001-of-00002.npy", drawn.embeddings[:4])
    drawn.set.shard(0, 5)
    with pytest.raises(BundleError, match=r"embeddings-00001-of-00002.npy: 4 rows, candidates.json says 5"):
        drawn.set.shard(0, 10)


def test_rows_outside_are_refused(tmp_path):
    with pytest.raises(BundleError, match="rows 3 to 11"):
        Drawn(tmp_path, 10, 2, seed=0).set.shard(3, 11)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.full((2, 4), np.inf, np.float32)}, "row 0 has a value that is not finite"),
        ({"embeddings": np.ones((3, 4), np.float32)}, "must name the same rows"),
        ({"reports": [[(32, 0, 1)], []]}, "section number 32"),
        ({"reports": [[(0, 70000, 1)], []]}, "phrase number 70000"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, change, message):
    content = {
        "embeddings": np.ones((2, 4), np.float32),
        "studies": ["a", "b"],
        "labels": np.zeros((2, 0)),
        "reports": [[], []],
        "label_names": (),
        "embedding_space": "drawn",
    }
    with pytest.raises(BundleError, match=message):
        write_candidates(tmp_path, **{**content, **change})


def test_rows_that_do_not_come_are_told(tmp_path):
    writer = CandidateWriter(tmp_path, rows=2, labels=(), embedding_space="", dimension=4)
    with pytest.raises(BundleError, match="0 rows came, 2 were announced"):
        writer.close()
