"""A tuned video encoder as a bundle of its own: named, hashed, and refused where it is another network."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

import echoprime
from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import BundleError
from echoprime.networks import load_encoder, load_view_classifier, seeded_state, selfcheck, state_sha256
from echoprime.release import tune_bundle
from echoprime.retrieval import CandidateSet
from tests.tiny import ENCODER, write_tiny_bundle

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("base") / "bundle", text=True, languages=("it",))


def saved(folder: Path, state: State, **around: object) -> Path:
    torch.save({"state_dict": state, **around} if around else state, folder / "tuned.pt")
    return folder / "tuned.pt"


@pytest.mark.parametrize("lightning", [False, True])
def test_it_has_its_own_name_hash_and_space(base: Bundle, tmp_path: Path, lightning: bool) -> None:
    state = seeded_state(ENCODER, 5)
    given = {f"model.{key}": value for key, value in state.items()} if lightning else state
    weights = saved(tmp_path, given, **({"epoch": 1} if lightning else {}))
    made = tune_bundle(base, tmp_path / "tuned", weights=weights, name="ward-7")
    assert made.name == "ward-7"
    assert made.embedding_space == f"ward-7@sha256:{state_sha256(state)}"
    assert made.encoding_identity()["encoder"] != base.encoding_identity()["encoder"]
    assert made.encoding_identity()["view_classifier"] == base.encoding_identity()["view_classifier"]
    assert made.tuned_from is not None
    assert (made.tuned_from.bundle, made.tuned_from.embedding_space) == ("tiny", base.embedding_space)
    for kept in ("phenotypes", "languages", "notice", "trained", "preprocessing", "views"):
        assert getattr(made, kept) == getattr(base, kept)
    for file in (
        "lexicon/en.json",
        "lexicon/it.json",
        "sections.csv",
        "phenotypes.csv",
        "label_sources.json",
    ):
        assert made.files[file].sha256 == base.files[file].sha256
    assert made.text_encoder is None
    assert not any(name.startswith(("candidates", "text", "tokenizer")) for name in made.files)
    assert made.check_files() == len(made.files)
    found = selfcheck.check(made, load_encoder(made), load_view_classifier(made))
    assert found.embedding_difference == 0


def test_without_candidates_it_says_whose_do_not_fit(base: Bundle, tmp_path: Path) -> None:
    made = tune_bundle(base, tmp_path / "t", weights=saved(tmp_path, seeded_state(ENCODER, 5)), name="mine")
    with pytest.raises(BundleError) as caught:
        CandidateSet.open(made)
    assert f"'mine' has no candidates: it encodes into the embedding space {made.embedding_space!r}" in str(
        caught.value
    )
    assert f"those of bundle 'tiny' are of {base.embedding_space!r}" in str(caught.value)
    model = echoprime.load(tmp_path / "t", device="cpu")
    assert model.embed_videos(torch.zeros(1, 3, 16, 224, 224)).shape == (1, 512)
    with pytest.raises(BundleError, match="'mine' has no candidates"):
        model.predict_metrics(np.zeros((1, 523), np.float32))


def test_a_tuned_one_is_tuned_again(base: Bundle, tmp_path: Path) -> None:
    first = tune_bundle(base, tmp_path / "1", weights=saved(tmp_path, seeded_state(ENCODER, 5)), name="one")
    second = tune_bundle(first, tmp_path / "2", weights=saved(tmp_path, seeded_state(ENCODER, 6)), name="two")
    assert second.tuned_from is not None
    assert second.tuned_from.embedding_space == first.embedding_space
    assert open_bundle(tmp_path / "2").tuned_from == second.tuned_from


def changed(key: str, value: torch.Tensor | None) -> State:
    state = seeded_state(ENCODER, 5)
    if value is None:
        return {name: tensor for name, tensor in state.items() if name != key}
    return {**state, key: value}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (changed("norm.bias", None), "tuned.pt: the weights lack 'norm.bias'"),
        (changed("extra.weight", torch.zeros(1)), "tuned.pt: the weights have 'extra.weight'"),
        (changed("head.1.weight", torch.zeros(400, 64)), r"'head.1.weight' has shape \(400, 64\)"),
        (changed("norm.bias", torch.zeros(64).half()), "'norm.bias' is torch.float16"),
        (changed("norm.bias", torch.full((64,), float("inf"))), "'norm.bias' has values that are not finite"),
        (seeded_state(ENCODER, 0), "the same weights as bundle 'tiny' has"),
    ],
)
def test_other_networks_are_refused_and_nothing_is_left(
    base: Bundle, tmp_path: Path, state: State, said: str
) -> None:
    weights = saved(tmp_path, state)
    with pytest.raises(BundleError, match=said) as caught:
        tune_bundle(base, tmp_path / "tuned", weights=weights, name="x")
    assert "\n" not in str(caught.value)
    assert "import the release" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"tuned.pt"}


@pytest.mark.parametrize(
    "content", [{"state_dict": {}, "hyper_parameters": argparse.Namespace(rate=0.1)}, {}, None]
)
def test_a_checkpoint_with_more_than_tensors_says_how_to_save_it(
    base: Bundle, tmp_path: Path, content: object
) -> None:
    """As Lightning writes it beside the weights; or nothing at all."""
    torch.save(content, tmp_path / "tuned.ckpt")
    with pytest.raises(
        BundleError, match=r"tuned.ckpt: .*; save its state dict alone: torch\.save\("
    ) as said:
        tune_bundle(base, tmp_path / "tuned", weights=tmp_path / "tuned.ckpt", name="x")
    assert "download" not in str(said.value)


def test_what_is_missing_or_in_the_way(base: Bundle, tmp_path: Path) -> None:
    weights = saved(tmp_path, seeded_state(ENCODER, 5))
    with pytest.raises(BundleError, match=r"--encoder .*: no such file"):
        tune_bundle(base, tmp_path / "tuned", weights=tmp_path / "gone.pt", name="x")
    with pytest.raises(BundleError, match="holds something that is no bundle"):
        tune_bundle(base, tmp_path, weights=weights, name="x")
    without = write_tiny_bundle(tmp_path / "without", weights=False)
    with pytest.raises(BundleError, match="'tiny' has no weights to put a tuned encoder in place of"):
        tune_bundle(without, tmp_path / "tuned", weights=weights, name="x")
