"""Rows left out that would be among the nearest: as brute force says, whatever shards, batch and filter."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.retrieval import merge, scan, scoring_left_out
from echoprime.retrieval.left_out import LeftOut
from tests.echoprime.retrieval.drawn import Drawn
from tests.echoprime.retrieval.test_search import FILTERS


def expected(drawn, query, k, study, patient):
    """(row, score) of the k best of all rows, those that a search leaves out."""
    return [
        (row, score)
        for score, row in drawn.brute(query, k)
        if (study and drawn.studies[row] == study) or (patient and drawn.patients[row] == patient)
    ]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 90),
    files=st.integers(1, 4),
    cuts=st.lists(st.integers(0, 90), max_size=3),
    k=st.integers(1, 12),
    distinct=st.one_of(st.none(), st.integers(1, 6)),
    count=st.integers(1, 9),
    first_pass=st.sampled_from(FILTERS),
    block=st.sampled_from((8, scan.BLOCK_ROWS)),
    one_by_one=st.sampled_from((0, 4, scoring_left_out.ONE_BY_ONE)),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_equal_brute_force(rows, files, cuts, k, distinct, count, first_pass, block, one_by_one, seed, data):
    """A third of the drawn rows is of one study, a sixth of one patient: scored each, or searched."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "BLOCK_ROWS", block)
        patch.setattr(scoring_left_out, "ONE_BY_ONE", one_by_one)
        drawn = Drawn(Path(folder), rows, files, seed, distinct)
        rng = np.random.default_rng(seed + 1)
        queries = rng.standard_normal((count, 32)).astype(np.float32)
        queries[::3] = drawn.embeddings[:1]  # exact hits
        columns = np.tile([2, -1, 0], (count, 1))
        studies = [["", "shared", "s1-1"][number % 3] for number in range(count)]
        patients = [["", "p1", "p2", "p2"][number % 4] for number in range(count)]
        edges = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
        shards = data.draw(st.permutations(list(pairwise(edges))))
        asked = {"exclude_study": studies, "exclude_patient": patients, "near_left_out": True}

        def ask(ranges, here=slice(None)):
            found = [drawn.set.shard(lo, hi, first_pass) for lo, hi in ranges]
            more = {**asked, "exclude_study": studies[here], "exclude_patient": patients[here]}
            bits = np.full(count, -1)[here]
            return [each.search(queries[here], bits, k, columns=columns[here], **more) for each in found]

        answers = ask(shards)
        near = merge(answers).near_left_out
        for line in range(count):
            mine = near.query == line
            found = list(zip(near.rows[mine].tolist(), near.scores[mine].tolist(), strict=True))
            assert found == expected(drawn, queries[line], k, studies[line], patients[line])
            alone = merge(ask(shards, slice(line, line + 1))).near_left_out
            assert alone.rows.tolist() == near.rows[mine].tolist()
            assert alone.scores.tolist() == near.scores[mine].tolist()
        np.testing.assert_array_equal(near.labels[:, [0, 2]], drawn.labels[near.rows][:, [2, 0]])
        assert np.isnan(near.labels[:, 1]).all()
        assert merge(ask([(0, rows)])).equals(merge(answers))
        cut = data.draw(st.integers(0, len(answers)))
        grouped = [merge(each) for each in (answers[:cut], answers[cut:]) if each]
        assert merge(grouped).equals(merge(answers))


def test_not_asked_for_none_are_said(tmp_path):
    drawn = Drawn(tmp_path, 40, 1, seed=0)
    question = {"queries": drawn.embeddings[:1], "section_bits": np.array([0]), "k": 5}
    without = drawn.set.shard().search(**question, exclude_study=["shared"])
    asked = drawn.set.shard().search(**question, exclude_study=["shared"], near_left_out=True)
    assert len(without.near_left_out) == 0
    assert len(asked.near_left_out) > 0
    assert not without.equals(asked)
    np.testing.assert_array_equal(without.rows, asked.rows)
    assert LeftOut.none(3).equals(without.near_left_out)
