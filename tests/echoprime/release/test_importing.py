"""The release's folder to a bundle: all of it arrives, and whatever is wrong is told in one line."""

import csv
import json
import pickle
import shutil

import numpy as np
import pytest
import torch

from echoprime.bundle import open_bundle
from echoprime.errors import BundleError
from echoprime.networks import load_encoder, load_view_classifier, seeded_state, selfcheck, state_sha256
from echoprime.release import import_release, load_pickle, read_weights
from echoprime.retrieval import CandidateSet
from tests.echoprime.release.small import ROWS, dump, write_small_release

NETWORKS = ("mvit_two_blocks", "convnext_two_blocks")


@pytest.fixture
def release(tmp_path):
    return write_small_release(tmp_path / "release")


def data(release):
    return release / "model_data" / "candidates_data"


def add_weights(release, lightning=False):
    folder = release / "model_data" / "weights"
    folder.mkdir()
    encoder, classifier = seeded_state(NETWORKS[0], 0), seeded_state(NETWORKS[1], 1)
    torch.save(encoder, folder / "echo_prime_encoder.pt")
    if lightning:
        state = {f"model.{key}": value for key, value in classifier.items()}
        torch.save({"epoch": 3, "state_dict": state, "optimizer_states": []}, folder / "view_classifier.ckpt")
    else:
        torch.save(classifier, folder / "view_classifier.pt")
    return encoder, classifier


def test_candidates_arrive_row_by_row(release, tmp_path):
    bundle = import_release(release, tmp_path / "bundle", shard_files=3)
    assert bundle.candidates_rows == ROWS
    found = CandidateSet.open(bundle)
    assert (found.rows, found.files, found.embedding_space) == (ROWS, 3, "unstated")
    parts = [torch.load(data(release) / f"candidate_embeddings_p{number}.pt").numpy() for number in (1, 2)]
    query = np.random.default_rng(0).standard_normal((1, 512)).astype(np.float32)
    hits = found.shard().search(query, np.array([0]), ROWS)
    rows = hits.rows[0]
    scores = (np.concatenate(parts)[rows].astype(np.float64) * query).sum(axis=1)
    assert hits.scores[0].tolist() == scores.tolist()
    with (data(release) / "candidate_studies.csv").open() as stream:
        studies = [row["Study"] for row in csv.DictReader(stream)]
    assert hits.names.to_pylist() == studies
    labels = load_pickle(data(release) / "candidate_labels.pkl")
    for column, name in enumerate(found.labels):
        expected = [float(labels[name].get(int(studies[row]), np.nan)) for row in rows]
        np.testing.assert_array_equal(hits.labels[0, :, column], expected)
    report = load_pickle(data(release) / "candidate_reports.pkl")[hits.report_rows[0]]
    expected = [
        (phrase, None if value != value else str(value)) for section, phrase, value in report if section == 0
    ]
    text = hits.texts.to_pylist()[hits.text_keys.tolist().index(hits.report_keys[0])]
    assert [(each["phrase"], each["value"]) for each in text] == expected


def test_phenotypes_have_units_definitions_and_thresholds(release, tmp_path):
    found = {each.name: each for each in import_release(release, tmp_path / "bundle").phenotypes}
    assert len(found) == 21
    assert found["ejection_fraction"].kind == "continuous"
    assert found["ejection_fraction"].unit == "%"
    assert found["pulmonary_artery_pressure_continuous"].unit == "mmHg"
    assert found["tavr"].threshold == 0.76
    assert found["tavr"].section == "Aortic Valve"
    assert found["pacemaker"].definition == "1 = the report says one of: pacing lead"
    assert sum(each.threshold is not None for each in found.values()) == 13
    assert sum(each.kind == "binary" for each in found.values()) == 19


def test_without_weights_it_interprets_and_says_that_it_does_not_encode(release, tmp_path):
    bundle = import_release(release, tmp_path / "bundle")
    assert not bundle.encodes
    with pytest.raises(BundleError, match="cannot encode"):
        load_encoder(bundle)


@pytest.mark.parametrize("lightning", [False, True])
def test_weights_arrive_with_a_self_check(release, tmp_path, lightning):
    encoder, classifier = add_weights(release, lightning)
    bundle = import_release(release, tmp_path / "bundle", architectures=NETWORKS, trained=False)
    assert bundle.encodes
    assert not bundle.trained
    assert bundle.embedding_space == f"sha256:{state_sha256(encoder)}"
    networks = load_encoder(bundle), load_view_classifier(bundle)
    found = selfcheck.check(bundle, *networks)
    assert found.embedding_difference == 0
    assert found.logit_difference == 0
    name = "view_classifier.ckpt" if lightning else "view_classifier.pt"
    assert bundle.files["view_classifier.safetensors"].origin == f"model_data/weights/{name}"
    assert state_sha256(read_weights(release / "model_data" / "weights" / name)) == state_sha256(classifier)


def test_named_embedding_space_and_further_language(release, tmp_path):
    words = json.loads((release / "assets" / "all_phr.json").read_text())
    translated = {f"it {name}": groups for name, groups in words.items()}
    (tmp_path / "it.json").write_text(json.dumps(translated))
    bundle = import_release(
        release, tmp_path / "bundle", name="mine", embedding_space="x", lexicons={"it": tmp_path / "it.json"}
    )
    assert (bundle.name, bundle.embedding_space, bundle.languages) == ("mine", "x", ("en", "it"))
    assert bundle.lexicon("it").sections[0] == "it Left Ventricle"
    assert CandidateSet.open(open_bundle(tmp_path / "bundle")).embedding_space == "x"


FILES = [
    "assets/MIL_weights.csv",
    "assets/all_phr.json",
    "assets/per_section.json",
    "assets/section_to_phenotypes.pkl",
    "assets/roc_thresholds.csv",
    "model_data/candidates_data/candidate_studies.csv",
    "model_data/candidates_data/candidate_embeddings_p1.pt",
    "model_data/candidates_data/candidate_embeddings_p2.pt",
    "model_data/candidates_data/candidate_reports.pkl",
    "model_data/candidates_data/candidate_labels.pkl",
]


@pytest.mark.parametrize("name", FILES)
def test_every_missing_file_is_named(release, tmp_path, name):
    (release / name).unlink()
    with pytest.raises(BundleError) as caught:
        import_release(release, tmp_path / "bundle")
    message = str(caught.value)
    assert "\n" not in message
    # Without its second half a part is not missing by name, but by its rows.
    assert (name.rsplit("/", 1)[1] in message and "missing" in message) or "a part is missing" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release"]


@pytest.mark.parametrize("name", FILES)
def test_every_damaged_file_is_named(release, tmp_path, name):
    path = release / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(BundleError) as caught:
        import_release(release, tmp_path / "bundle")
    assert "\n" not in str(caught.value)
    assert path.stem.rstrip("12") in str(caught.value) or "roc_thresholds" in name
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("folder", ["assets", "model_data/candidates_data"])
def test_folder_that_is_no_release(release, tmp_path, folder):
    shutil.rmtree(release / folder)
    with pytest.raises(BundleError, match=f"no folder {folder} in it"):
        import_release(release, tmp_path / "bundle")


def replace(name, change):
    def apply(release):
        path = data(release) / name
        dump(path, change(load_pickle(path)))

    return apply


def save(name, tensor):
    return lambda release: torch.save(tensor, data(release) / name)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (save("candidate_embeddings_p2.pt", torch.zeros(5, 512)), r"p1 to p2: 38 rows, .* has 60"),
        (save("candidate_embeddings_p1.pt", torch.zeros(33, 511)), r"p1.pt: shape \(33, 511\), must be"),
        (save("candidate_embeddings_p1.pt", torch.zeros(33, 512).half()), "float16, must be float32"),
        (save("candidate_embeddings_p1.pt", {"a": 1}), r"p1.pt: shape None"),
        (save("candidate_embeddings_p1.pt", torch.full((33, 512), torch.nan)), "row 0 has a value"),
        (save("candidate_embeddings_p4.pt", torch.zeros(1, 512)), r"p3.pt: missing"),
        (replace("candidate_reports.pkl", lambda given: given[:-1]), "59 reports, .* has 60 rows"),
        (
            replace("candidate_reports.pkl", lambda given: [[(0, 99, 1)], *given[1:]]),
            "report 0 has",
        ),
        (
            replace("candidate_reports.pkl", lambda given: [*given[:-1], [(16, 0, 1)]]),
            "report 59 has",
        ),
        (replace("candidate_reports.pkl", lambda given: [*given[:-1], [(0, 0)]]), "report 59 has"),
        (replace("candidate_labels.pkl", lambda given: {"tavr": {}}), "no labels for 'impella'"),
        (replace("candidate_labels.pkl", lambda given: {**given, "impella": {1: "x"}}), "is no number"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(release, tmp_path, break_it, message):
    break_it(release)
    with pytest.raises(BundleError, match=message) as caught:
        import_release(release, tmp_path / "bundle")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bundle").exists()


def test_study_that_is_no_number_is_told(release, tmp_path):
    path = data(release) / "candidate_studies.csv"
    path.write_text(path.read_text() + "1.2.840\n")
    with pytest.raises(BundleError, match=r"study '1.2.840' is no integer"):
        import_release(release, tmp_path / "bundle")


def test_weights_of_one_network_alone_are_refused(release, tmp_path):
    add_weights(release)
    (release / "model_data" / "weights" / "view_classifier.pt").unlink()
    with pytest.raises(BundleError, match=r"view_classifier.pt: missing"):
        import_release(release, tmp_path / "bundle", architectures=NETWORKS)


def test_weights_of_another_network_are_refused(release, tmp_path):
    add_weights(release)
    with pytest.raises(BundleError, match="another network's weights"):
        import_release(release, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("value", [{"a": 1}, [], {}, {"state_dict": {"model.a": "text"}}])
def test_what_is_no_state_dict_is_refused(tmp_path, value):
    torch.save(value, tmp_path / "w.pt")
    with pytest.raises(BundleError, match=r"w.pt: "):
        read_weights(tmp_path / "w.pt")


def test_weights_that_would_run_code_are_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return print, ("harm",)

    torch.save({"a": Harm()}, tmp_path / "w.pt", pickle_module=pickle)
    with pytest.raises(BundleError, match=r"w.pt: not read, .*print"):
        read_weights(tmp_path / "w.pt")
