"""EchoPrime in a notebook: names, shapes, one video, no weights, and the numbers of the parts."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom.data import get_testdata_file

import echoprime
from echoprime.bundle import VIEWS
from echoprime.errors import ArchiveError, BundleError, EchoPrimeError
from echoprime.interpretation.severity import PhraseGrades
from echoprime.model import EchoPrime
from echoprime.networks import seeded_state
from tests.echoprime.release.small import write_small_release

NETWORKS = ("mvit_two_blocks", "convnext_two_blocks")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_small_release(tmp_path_factory.mktemp("model") / "release")


@pytest.fixture(scope="module")
def model(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "release"
    shutil.copytree(release, folder)
    weights = folder / "model_data" / "weights"
    weights.mkdir()
    torch.save(seeded_state(NETWORKS[0], 0), weights / "echo_prime_encoder.pt")
    torch.save(seeded_state(NETWORKS[1], 1), weights / "view_classifier.pt")
    place = folder.parent / "bundle"
    echoprime.import_release(folder, place, architectures=NETWORKS, trained=False)
    return echoprime.load(place, device="cpu")


@pytest.fixture(scope="module")
def weightless(release, tmp_path_factory):
    place = tmp_path_factory.mktemp("weightless") / "bundle"
    echoprime.import_release(release, place)
    return echoprime.load(place)


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    made = []
    for used in (16, 9, 1):
        frames = rng.integers(0, 256, (16, 224, 224, 3), np.uint8)
        frames[used:] = 0
        made.append(echoprime.Clip(frames, used, 2 * used, "dicom"))
    return made


@pytest.fixture(scope="module")
def tensor(clips):
    return torch.stack([clip.tensor() for clip in clips])


def test_shapes_and_types(model, tensor):
    assert model.embed_videos(tensor).shape == (3, 512)
    views = model.get_views(tensor)
    assert views.shape == (3, 11)
    assert views.sum(dim=1).tolist() == [1, 1, 1]
    study = model.encode_study(tensor)
    assert study.shape == (3, 523)
    assert study.dtype == torch.float32
    assert model.view_names(tensor) == [VIEWS[number] for number in views.argmax(dim=1).tolist()]


def test_one_video_is_enough(model, tensor):
    """Published: fails for one video."""
    study = model.encode_study(tensor[:1])
    assert study.shape == (1, 523)
    assert len(model.predict_metrics(study)) == 21
    assert model.generate_report(study).count("[SEP]") == 15


def test_tensor_and_clips_give_the_same_bits(model, clips, tensor):
    assert torch.equal(model.encode_study(tensor), model.encode_study(clips))
    assert torch.equal(model.encode_study(tensor)[1:2], model.encode_study(clips[1:2]))


def test_values_that_no_video_gives(model, tensor):
    other = tensor[:2] + 0.25
    assert not torch.equal(model.embed_videos(other), model.embed_videos(tensor[:2]))
    assert model.encode_study(torch.zeros(1, 3, 16, 224, 224)).shape == (1, 523)


def test_no_clips(model):
    study = model.encode_study([])
    assert study.shape == (0, 523)
    assert set(model.predict_metrics(study).values()) == {None}


def test_metrics_and_report_of_a_study(weightless):
    rng = np.random.default_rng(1)
    study = torch.from_numpy(rng.standard_normal((4, 523)).astype(np.float32))
    study[:, 512:] = torch.nn.functional.one_hot(torch.tensor([0, 2, 7, 10]), 11)
    metrics = weightless.predict_metrics(study, k=10)
    assert list(metrics) == [each.name for each in weightless.bundle.phenotypes]
    row = weightless.interpret(study, k=10).to_pylist()[0]
    assert metrics == {name: row[name] for name in metrics}
    assert 20 <= metrics["ejection_fraction"] <= 70
    assert metrics["tavr"] is None
    assert weightless.predict_metrics(study, k=10, pairing="position") != metrics
    assert weightless.predict_metrics(study.numpy(), k=10) == metrics
    assert weightless.generate_report(study) == row["report"]


def test_metrics_and_report_read_no_phrases_for_grades(weightless, monkeypatch):
    """Published lexicons have thousands of phrases, and reading them takes seconds."""
    read = []
    of = PhraseGrades.of
    monkeypatch.setattr(PhraseGrades, "of", lambda lexicon: read.append(1) or of(lexicon))
    fresh = EchoPrime(weightless.bundle, device="cpu")
    study = torch.eye(11, 523)
    study[:, 512:] = torch.eye(11)
    assert fresh.predict_metrics(study) == weightless.predict_metrics(study)
    assert fresh.generate_report(study) == weightless.generate_report(study)
    assert read == []
    assert fresh.interpret(study).equals(fresh.interpret(study))
    assert read == [1]


def test_not_assessable_is_none(weightless):
    study = torch.ones(1, 523)
    study[:, 512:] = torch.nn.functional.one_hot(torch.tensor([VIEWS.index("A5C")]), 11)
    metrics = weightless.predict_metrics(study)
    assert metrics["ejection_fraction"] is None
    assert metrics["aortic_stenosis"] is not None


def test_without_weights_it_says_that_it_does_not_encode(weightless, tensor):
    for method in (weightless.embed_videos, weightless.get_views, weightless.encode_study):
        with pytest.raises(BundleError, match="weights"):
            method(tensor)


def test_self_check(model):
    assert model.check().embedding_difference == 0


def test_folders_are_read_by_content_and_sorted(model, tmp_path, caplog):
    real = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False))).read_bytes()
    movie = (Path(__file__).parents[1] / "data" / "videos" / "visible21.avi").read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "loop").write_bytes(real)
    (tmp_path / "b.dcm").write_bytes(real)
    (tmp_path / "movie.dcm").write_bytes(movie)
    (tmp_path / "notes.txt").write_text("ten years of notes")
    (tmp_path / "half.dcm").write_bytes(real[: len(real) // 2])
    with caplog.at_level(logging.WARNING):
        found = model.process_dicoms(tmp_path)
    assert found.dtype == torch.float32
    expected = echoprime.read_clip(real).tensor()
    assert all(torch.equal(each, expected) for each in (found[0], found[-1]))
    assert "unknown_format" in caplog.text
    assert "notes" not in caplog.text
    assert torch.equal(model.process_mp4s(tmp_path)[0], echoprime.read_clip(movie).tensor())
    (tmp_path / "none").mkdir()
    assert model.process_mp4s(tmp_path / "none").shape == (0, 3, 16, 224, 224)
    with pytest.raises(ArchiveError, match="no such folder"):
        model.process_dicoms(tmp_path / "gone")


def test_wrong_shapes_are_refused(model):
    with pytest.raises(EchoPrimeError, match=r"must be \(N, 3, 16, 224, 224\)"):
        model.embed_videos(torch.zeros(3, 16, 224, 224))
    with pytest.raises(EchoPrimeError, match=r"must be \(N, 523\)"):
        model.predict_metrics(torch.zeros(3, 512))


def test_import_is_light():
    heavy = ("torch", "numpy", "pyarrow")
    code = f"import sys, echoprime; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_public_name_is_there():
    assert all(getattr(echoprime, name) is not None for name in echoprime.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = echoprime.nonsense
