"""A release's text encoder: part of the bundle where a tokenizer is at hand, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from echoprime.bundle import Bundle, open_bundle
from echoprime.bundle.cache import file_sha256
from echoprime.errors import BundleError
from echoprime.networks import TextEncoder, load_text_encoder
from echoprime.networks.text_state import named_text_state
from echoprime.networks.tokens import tokenizer_json
from echoprime.release import import_release
from tests.echoprime.release.small import write_small_release
from tests.texts import VOCABULARY, add_text_encoder, text_state, write_tokenizer


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_small_release(tmp_path / "release")


def imported(release: Path, **more: object) -> Bundle:
    add_text_encoder(release)
    return import_release(release, release.parent / "bundle", tokenizer=write_tokenizer(release.parent / "t"))


def test_it_becomes_a_part_of_the_bundle_with_hashes_and_origins(release: Path, tmp_path: Path) -> None:
    bundle = imported(release)
    network = bundle.text_encoder
    assert network is not None
    assert network.architecture == "bert"
    assert network.sha256 == file_sha256(bundle.file("text_encoder.safetensors"))
    assert bundle.files["text_encoder.safetensors"].origin == (
        "model_data/weights/echo_prime_text_encoder.pt"
    )
    assert "tokenizer" in bundle.files["tokenizer.json"].origin
    assert bundle.check_files() == len(bundle.files)
    encoder = load_text_encoder(bundle)
    (tmp_path / "direct.json").write_bytes(tokenizer_json(tmp_path / "t"))
    direct = TextEncoder(named_text_state(text_state(), "x"), tmp_path / "direct.json")
    text = ["Severe aortic stenosis"]
    assert encoder.embed(text).tobytes() == direct.embed(text).tobytes()


def test_a_tokenizer_that_lies_in_the_release_is_taken(release: Path, tmp_path: Path) -> None:
    add_text_encoder(release)
    write_tokenizer(release / "tokenizer")
    assert import_release(release, tmp_path / "bundle").text_encoder is not None


def test_without_a_tokenizer_everything_is_as_before(release: Path, tmp_path: Path) -> None:
    before = import_release(release, tmp_path / "before")
    add_text_encoder(release)
    after = import_release(release, tmp_path / "after")
    assert after.text_encoder is None
    assert after.hash == before.hash
    with pytest.raises(BundleError, match=r"'release' has no text encoder; import a release .* --tokenizer"):
        load_text_encoder(after)


def test_a_bundle_of_an_earlier_version_opens(release: Path, tmp_path: Path) -> None:
    import_release(release, tmp_path / "bundle")
    file = tmp_path / "bundle" / "bundle.json"
    content = json.loads(file.read_text())
    del content["text_encoder"], content["tuned_from"]
    file.write_text(json.dumps(content))
    bundle = open_bundle(tmp_path / "bundle")
    assert (bundle.text_encoder, bundle.tuned_from, bundle.has_candidates) == (None, None, True)


def test_what_does_not_fit_is_one_line_and_leaves_nothing(release: Path, tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path / "t")
    with pytest.raises(BundleError, match=r"the release has no model_data/weights/echo_prime_text_encoder"):
        import_release(release, tmp_path / "bundle", tokenizer=tokenizer)
    state = text_state()
    add_text_encoder(release, {**state, "backbone.bert.extra": state["text_projection.bias"]})
    with pytest.raises(BundleError, match=r"'backbone.bert.extra' is part of neither"):
        import_release(release, tmp_path / "bundle", tokenizer=tokenizer)
    add_text_encoder(release)
    (tokenizer / "vocab.txt").write_text("\n".join(VOCABULARY[:60]) + "\n")
    with pytest.raises(BundleError, match=r"tokenizer.json: 60 word pieces, the text encoder has"):
        import_release(release, tmp_path / "bundle", tokenizer=tokenizer)
    broken = {**state, "text_projection.bias": state["text_projection.bias"] * float("nan")}
    add_text_encoder(release, broken)
    with pytest.raises(BundleError, match="not finite"):
        import_release(release, tmp_path / "bundle", tokenizer=write_tokenizer(tokenizer))
    assert {path.name for path in tmp_path.iterdir()} == {"release", "t"}


def test_another_tokenizer_or_other_weights_are_told_by_a_sentence(release: Path) -> None:
    bundle = imported(release)
    place = bundle.location.local_path
    weights = load_file(place / "text_encoder.safetensors")
    lines = [*VOCABULARY[:5], *reversed(VOCABULARY[5:])]
    words = (place / "tokenizer.json").read_bytes()
    (release.parent / "t" / "vocab.txt").write_text("\n".join(lines) + "\n")
    changed = tokenizer_json(release.parent / "t")
    assert len(changed) == len(words)  # so that only hashes and the sentence tell
    (place / "tokenizer.json").write_bytes(changed)
    with pytest.raises(BundleError, match="SHA-256 differs"):
        bundle.check_files()
    with pytest.raises(BundleError, match="becomes other tokens"):
        load_text_encoder(bundle)
    (place / "tokenizer.json").write_bytes(words)
    key = "bert.encoder.layer.1.output.dense.weight"
    save_file({**weights, key: weights[key].flip(0).contiguous()}, place / "text_encoder.safetensors")
    with pytest.raises(BundleError, match="numbers of a sentence differ by"):
        load_text_encoder(bundle)
    save_file(weights, place / "text_encoder.safetensors")
    assert np.isfinite(load_text_encoder(bundle).embed(["normal"])).all()
