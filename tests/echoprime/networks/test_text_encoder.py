"""Texts to numbers: those of transformers' own model, whatever they are sent with, and what does not fit."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM

from echoprime.errors import BundleError
from echoprime.networks import TextEncoder
from echoprime.networks.text_state import named_text_state, text_sizes
from echoprime.networks.tokens import Tokenizer, tokenizer_json
from tests.texts import TINY, VOCABULARY, text_state, write_tokenizer

TEXTS = ["Severe aortic stenosis.", "", "No fluid around the heart!", "mild " * 700]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.json").write_bytes(tokenizer_json(write_tokenizer(folder / "vocabulary")))
    return folder / "tokenizer.json"


@pytest.fixture(scope="module")
def encoder(tokenizer: Path) -> TextEncoder:
    return TextEncoder(named_text_state(text_state(), "x.pt"), tokenizer)


def by_transformers(state: dict[str, torch.Tensor], text: str, tokenizer: Path, **sizes: int) -> np.ndarray:
    """The published way, by transformers' own classes: masked-language model, first token, linear layer."""
    model = BertForMaskedLM(BertConfig(vocab_size=len(VOCABULARY), **{**TINY, **sizes})).eval()
    of_model = {key.removeprefix("backbone."): value for key, value in state.items() if "backbone" in key}
    model.load_state_dict(of_model)
    ids, lengths = Tokenizer(tokenizer).cut([text], 512)
    with torch.no_grad():
        hidden = model(
            torch.from_numpy(ids[:, : lengths[0]]).long(), output_hidden_states=True
        ).hidden_states[-1]
        weight, bias = state["text_projection.weight"], state["text_projection.bias"]
        return torch.nn.functional.linear(hidden[:, 0], weight, bias)[0].numpy()


def test_it_is_the_published_computation(encoder: TextEncoder, tokenizer: Path) -> None:
    found = encoder.embed(TEXTS)
    assert found.shape == (4, 512)
    assert found.dtype == np.float32
    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(found[row], by_transformers(text_state(), text, tokenizer), atol=1e-5)
    assert np.abs(found[0] - found[2]).max() > 0.01


@given(st.permutations(range(4)), st.integers(1, 3))
def test_a_text_is_the_same_bytes_whatever_it_is_sent_with(
    encoder: TextEncoder, order: list[int], threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = encoder.embed([TEXTS[each] for each in order])
    finally:
        torch.set_num_threads(before)
    for row, each in enumerate(order):
        assert together[row].tobytes() == encoder.embed([TEXTS[each]])[0].tobytes()


def test_padded_portions_as_on_a_gpu_give_the_same_numbers(tokenizer: Path, encoder: TextEncoder) -> None:
    state = named_text_state(text_state(), "x.pt")
    portioned = TextEncoder(state, tokenizer, portion=3)
    np.testing.assert_allclose(portioned.embed(TEXTS), encoder.embed(TEXTS), atol=1e-5)


@pytest.mark.parametrize("words", [("heart",), ()])
def test_a_vocabulary_without_a_piece_for_the_unknown_is_one_line(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Whether the word that it is tried with is known or ends in the package's own exception."""
    folder = write_tokenizer(tmp_path / "words")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json(folder))
    with pytest.raises(BundleError, match=r"no tokenizer of a BERT, which .* has \[UNK\]") as caught:
        Tokenizer(tmp_path / "tokenizer.json")
    assert "\n" not in str(caught.value)


def test_no_text_is_cut_to_pieces_that_no_vocabulary_has(tmp_path: Path) -> None:
    """Its own word for what is unknown is not among its words."""
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json(write_tokenizer(tmp_path / "words")))
    content = json.loads((tmp_path / "tokenizer.json").read_bytes())
    content["model"]["unk_token"] = "<unk>"
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(BundleError, match="BERT"):
        Tokenizer(tmp_path / "tokenizer.json")


def test_words_are_lowered_as_the_folder_says_and_long_texts_keep_their_beginning(
    encoder: TextEncoder, tmp_path: Path
) -> None:
    upper, lower = encoder.embed(["SEVERE Aortic", "severe aortic"])
    assert upper.tobytes() == lower.tobytes()
    folder = write_tokenizer(tmp_path)
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json(folder))
    cased = Tokenizer(tmp_path / "tokenizer.json")
    ids, _ = cased.cut(["SEVERE", "severe"], 8)
    assert ids[0].tolist() != ids[1].tolist()
    ids, lengths = cased.cut(["mild " * 20], 8)
    assert [VOCABULARY[each] for each in ids[0]] == ["[CLS]", *["mild"] * 6, "[SEP]"]
    assert lengths.tolist() == [8]
    assert cased.lengths(["mild " * 20, ""]) == [22, 2]
    assert encoder.lengths(TEXTS)[3] == 702


def test_a_tokenizer_json_is_taken_as_it_is(tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    again = tokenizer_json(tmp_path)
    assert json.loads(again) == json.loads(tokenizer.read_bytes())


@pytest.mark.parametrize("prefix", ["", "module.", "text.model."])
def test_keys_are_found_under_any_prefix(prefix: str) -> None:
    state = {
        key.replace("backbone.bert.", prefix).replace("text_projection", "head.1"): value
        for key, value in text_state().items()
        if "cls" not in key
    }
    assert named_text_state(state, "x").keys() == named_text_state(text_state(), "x").keys()
    assert text_sizes(named_text_state(state, "x")) == text_sizes(named_text_state(text_state(), "x"))


def test_what_is_no_text_encoder_is_refused(tokenizer: Path) -> None:
    good = text_state()
    for state, said in [
        ({}, "0 keys end in embeddings.word_embeddings.weight"),
        ({**good, "other.embeddings.word_embeddings.weight": torch.zeros(2, 2)}, "2 keys end in"),
        (
            {key: good[key] for key in good if "projection" not in key},
            r"0 linear layers of shape \(512, 128\) .*nothing",
        ),
        (
            {**good, "b.weight": good["text_projection.weight"], "b.bias": good["text_projection.bias"]},
            "2 linear layers",
        ),
        ({**good, "logit_scale": torch.zeros(())}, "is part of neither a BERT nor the one linear layer"),
        (
            {
                **good,
                "text_projection.weight": torch.zeros(256, 128),
                "text_projection.bias": torch.zeros(256),
            },
            r"0 linear layers of .*text_projection.weight \(256, 128\)",
        ),
    ]:
        with pytest.raises(BundleError, match=said) as caught:
            named_text_state(state, "x.pt")
        assert "\n" not in str(caught.value)
    named = named_text_state(good, "x.pt")
    lost = "bert.encoder.layer.1.output.dense.bias"
    for state, said in [
        ({key: named[key] for key in named if key != lost}, f"lack '{lost}'"),
        ({**named, lost: named[lost].half()}, "is torch.float16"),
        ({key: named[key] for key in named if "position_emb" not in key}, "lack 'embeddings.position"),
        ({**named, "bert.embeddings.word_embeddings.weight": torch.zeros(9, 100)}, "tokens of 100 numbers"),
        (
            {**named, "bert.embeddings.word_embeddings.weight": torch.zeros(9, 128)},
            "word pieces, the text encoder has 9",
        ),
    ]:
        with pytest.raises(BundleError, match=said):
            TextEncoder(state, tokenizer)


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"neither tokenizer.json nor vocab.txt"):
        tokenizer_json(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BundleError, match=r"vocab.txt is damaged"):
        tokenizer_json(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match=r"tokenizer.json: damaged, or no tokenizer"):
        tokenizer_json(tmp_path)
    words = {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": words}))
    with pytest.raises(BundleError, match=r"no tokenizer of a BERT"):
        Tokenizer(tmp_path / "tokenizer.json")


def test_nothing_is_asked_of_any_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tokenizer: Path
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json(write_tokenizer(tmp_path / "v")))
    encoder = TextEncoder(named_text_state(text_state(), "x.pt"), tmp_path / "tokenizer.json")
    assert np.isfinite(encoder.embed(["normal"])).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is visible")
def test_a_gpu_gives_the_cores_numbers_and_the_same_bytes_whatever_is_sent_along(
    tokenizer: Path, encoder: TextEncoder
) -> None:
    on_gpu = TextEncoder(named_text_state(text_state(), "x.pt"), tokenizer, "cuda", portion=3)
    together = on_gpu.embed(TEXTS)
    np.testing.assert_allclose(together, encoder.embed(TEXTS), atol=1e-4)
    assert together.tobytes() == np.concatenate([on_gpu.embed([text]) for text in TEXTS]).tobytes()


@pytest.mark.slow
def test_full_size(tokenizer: Path) -> None:
    """BERT base's layers and width, seeded, with the small vocabulary."""
    sizes = {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    }
    state = text_state(**sizes)
    named = named_text_state(state, "x.pt")
    found = text_sizes(named)
    assert (found.width, found.layers, found.heads, found.positions) == (768, 12, 12, 512)
    encoder = TextEncoder(named, tokenizer)
    texts = ["severe aortic stenosis", "mild " * 700]
    np.testing.assert_allclose(
        encoder.embed(texts), [by_transformers(state, text, tokenizer, **sizes) for text in texts], atol=1e-4
    )
