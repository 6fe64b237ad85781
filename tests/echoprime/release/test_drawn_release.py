"""The benchmarks' drawn release: real pickles and tensors, imported like the official one."""

import pickle

import numpy as np
import pytest
import torch

from benchmarks.drawn_release import draw_reports, lexicon, write_drawn_release
from echoprime.release import import_release
from echoprime.retrieval import CandidateSet

ROWS = 2501
"""An odd number, and pickled batches of 1,000, 1,000 and 501."""


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_drawn_release(tmp_path_factory.mktemp("drawn") / "release", ROWS)


def test_python_reads_its_pickles(release):
    data = release / "model_data" / "candidates_data"
    reports = pickle.loads((data / "candidate_reports.pkl").read_bytes())
    phrases = [[each for group in groups.values() for each in group] for groups in lexicon().values()]
    rng = np.random.default_rng(0)
    rng.permutation(ROWS)
    cluster = rng.integers(0, ROWS // 300, ROWS)
    expected = [
        each for block in draw_reports(phrases, cluster, np.random.default_rng([0, 3])) for each in block
    ]
    assert repr(reports) == repr(expected)
    assert 28 < np.mean([len(report) for report in reports]) < 33
    assert {type(phrase[2]) for report in reports for phrase in report} == {float, str}
    assert max(phrase[1] for report in reports for phrase in report) > 255
    labels = pickle.loads((data / "candidate_labels.pkl").read_bytes())
    assert len(labels) == 21
    assert 0.45 < len(labels["ejection_fraction"]) / ROWS < 0.55
    assert sum(len(each) == ROWS for each in labels.values()) == 19


def test_it_is_imported_whole(release, tmp_path):
    bundle = import_release(release, tmp_path / "bundle", shard_files=3)
    found = CandidateSet.open(bundle)
    assert found.rows == ROWS
    data = release / "model_data" / "candidates_data"
    parts = [torch.load(data / f"candidate_embeddings_p{number}.pt", weights_only=True) for number in (1, 2)]
    assert [len(part) for part in parts] == [1251, 1250]
    embeddings = torch.cat(parts).numpy()
    assert np.array_equal(np.concatenate([part.embeddings for part in found.parts()]), embeddings)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-6)


def test_the_same_seed_draws_the_same_bytes(release, tmp_path):
    again = write_drawn_release(tmp_path / "again", ROWS)
    for path in sorted(release.rglob("*.*")):
        assert (again / path.relative_to(release)).read_bytes() == path.read_bytes(), path.name
