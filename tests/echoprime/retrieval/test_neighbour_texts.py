"""What a search answers of its neighbours' reports: against the same read one report at a time."""

from __future__ import annotations

import tempfile
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.retrieval import CandidateSet, ShardHits, merge, write_candidates
from echoprime.retrieval.writing import value_text
from tests.echoprime.retrieval.drawn import Drawn

Report = list[tuple[int, int, object]]


def first_run(report: Report, section: int) -> list[dict[str, object]] | None:
    """The published way: from the section's first header to the next [SEP]."""
    for number, run in groupby(report, key=lambda phrase: phrase[0]):
        if number == section:
            return [{"phrase": phrase, "value": value_text(value)} for _, phrase, value in run]
    return None


def check(hits: ShardHits, reports: list[Report]) -> None:
    texts = hits.texts.to_pylist()
    asked = set()
    for rows, bit, places in zip(hits.rows, hits.section_bits, hits.text_places(), strict=True):
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            expected = None if row < 0 or bit < 0 else first_run(reports[row], int(bit))
            assert (None if place < 0 else texts[place]) == expected
            if expected is not None:
                asked.add(row * 32 + int(bit))
    asked |= set(hits.report_keys[hits.report_keys >= 0].tolist())
    assert hits.text_keys.tolist() == sorted(asked)  # nothing that nobody asked for


@pytest.mark.parametrize("shards", [1, 2, 7, 8])
def test_texts_of_all_neighbours(tmp_path: Path, shards: int) -> None:
    drawn = Drawn(tmp_path, 60, 3, seed=21)
    queries = np.random.default_rng(3).standard_normal((12, 32)).astype(np.float32)
    bits = np.array([0, 1, 2, 3, -1, 0] * 2)
    found = [drawn.set.shard(*rows).search(queries, bits, 9) for rows in drawn.set.ranges(shards)]
    check(merge(found), drawn.reports)
    for hits, (lo, _) in zip(found, drawn.set.ranges(shards), strict=True):
        assert (hits.text_keys >= lo * 32).all()


phrase = st.tuples(st.integers(0, 4), st.integers(0, 300), st.sampled_from([float("nan"), 12, 0.5, "septal"]))


@settings(max_examples=40, deadline=None)
@given(
    reports=st.lists(st.lists(phrase, max_size=9), min_size=1, max_size=25),
    shards=st.integers(1, 8),
    files=st.integers(1, 3),
    k=st.integers(1, 8),
    seed=st.integers(0, 1000),
)
def test_any_reports_in_any_shards(reports: list[Report], shards: int, files: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        write_candidates(
            folder,
            embeddings=rng.integers(-2, 3, (len(reports), 8)).astype(np.float32),
            studies=[f"s{number}" for number in range(len(reports))],
            labels=np.zeros((len(reports), 1)),
            reports=reports,
            label_names=["one"],
            embedding_space="drawn",
            shard_files=files,
        )
        candidates = CandidateSet.open(folder)
        queries = rng.standard_normal((6, 8)).astype(np.float32)
        bits = rng.integers(-1, 6, 6)
        found = [candidates.shard(*rows).search(queries, bits, k) for rows in candidates.ranges(shards)]
        whole = candidates.shard().search(queries, bits, k)
        check(whole, reports)
        assert merge(found).equals(whole)
