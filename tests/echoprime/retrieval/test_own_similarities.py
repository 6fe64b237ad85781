"""How near candidates lie to each other: against brute force, whatever the shards; computed once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.bundle import Bundle
from echoprime.bundle.cache import cache_directory
from echoprime.retrieval import CandidateSet, drawn_rows, kept_similarities, merge, own_similarities
from echoprime.retrieval.kept_similarities import NAME
from tests.echoprime.retrieval.drawn import Drawn
from tests.tiny import CANDIDATES, REPEATED, write_tiny_bundle


def ask(candidates: CandidateSet, shards: int, sample: int = 2_000) -> np.ndarray:
    parts = [candidates.shard(*rows) for rows in candidates.ranges(shards)]

    def search(**asked: Any) -> Any:
        return merge([part.search(**asked) for part in parts])

    return own_similarities([part.drawn(drawn_rows(candidates.rows, sample)) for part in parts], search)


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 60), files=st.integers(1, 3), shards=st.integers(1, 5), seed=st.integers(0, 1000))
def test_is_the_nearest_other_candidates(
    tmp_path_factory: pytest.TempPathFactory, rows: int, files: int, shards: int, seed: int
) -> None:
    drawn = Drawn(tmp_path_factory.mktemp("own"), rows, files, seed, None)
    found = ask(drawn.set, shards)
    expected = []
    for row, embedding in enumerate(drawn.embeddings):
        if embedding.any():
            unit = embedding.astype(np.float64)
            unit = (unit / np.sqrt(np.square(unit).sum())).astype(np.float32)
            best = drawn.brute(unit, 1, drawn.studies[row], drawn.patients[row])
            expected += [best[0][0]] if best else []
    assert found.tolist() == sorted(expected)


def test_a_sample_is_the_same_each_time_and_for_all_shards(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path, 90, 3, 1, None)
    assert np.array_equal(drawn_rows(90, 20), drawn_rows(90, 20))
    assert len(set(drawn_rows(90, 20).tolist())) == 20
    whole = ask(drawn.set, 1, 20)
    assert 0 < len(whole) <= 20
    for shards in (2, 7):
        assert ask(drawn.set, shards, 20).tolist() == whole.tolist()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("own") / "bundle", weights=False)


def test_copies_of_a_candidate_are_its_nearest(bundle: Bundle) -> None:
    found = ask(CandidateSet.open(bundle), 2)
    assert len(found) == CANDIDATES
    assert np.count_nonzero(found > 0.999) == 2 * REPEATED
    assert np.all(np.diff(found) >= 0)


def test_a_set_is_asked_once_on_a_machine(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "cache"))
    candidates = CandidateSet.open(bundle)
    asked = []

    def compute() -> np.ndarray:
        asked.append(1)
        return ask(candidates, 1)

    first = kept_similarities(candidates, compute, kept_from=1)
    again = kept_similarities(candidates, compute, kept_from=1)
    assert first.tolist() == again.tolist()
    assert len(asked) == 1
    assert candidates.hash is not None
    place = cache_directory(candidates.hash) / NAME
    assert [each.name for each in place.parent.iterdir()] == [NAME]
    place.write_bytes(place.read_bytes()[:-9])
    assert kept_similarities(candidates, compute, kept_from=1).tolist() == first.tolist()
    assert len(asked) == 2
    assert kept_similarities(candidates, compute, kept_from=1).tolist() == first.tolist()
    assert len(asked) == 2


def test_a_cache_that_cannot_be_written_is_done_without(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "file" / "cache"))
    candidates = CandidateSet.open(bundle)
    assert len(kept_similarities(candidates, lambda: ask(candidates, 1), kept_from=1)) == CANDIDATES


def test_small_and_unhashed_sets_leave_no_file(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "cache"))
    candidates = CandidateSet.open(bundle)
    kept_similarities(candidates, lambda: ask(candidates, 1))
    folder = (bundle.location / "candidates").local_path
    kept_similarities(replace(candidates, source=folder), lambda: ask(candidates, 1), kept_from=1)
    assert not (tmp_path / "cache").exists()
