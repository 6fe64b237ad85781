"""A text encoder of seeded, untrained weights as a release has it, and a vocabulary of a few words."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

WORDS = (
    "the", "heart", "is", "normal", "no", "fluid", "around", "severe", "moderate", "mild", "aortic",
    "stenosis", "mitral", "left", "ventricle", "size", "ejection", "fraction", "pericardial", "effusion",
)  # fmt: skip

VOCABULARY = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *sorted(string.punctuation),
    *string.digits,
    *string.ascii_lowercase,
    *(f"##{letter}" for letter in string.digits + string.ascii_lowercase),
    *WORDS,
)
"""Any text in Latin letters is cut into these."""

TINY = {"hidden_size": 128, "num_hidden_layers": 2, "intermediate_size": 64, "num_attention_heads": 2}
"""Sizes in place of BERT base's."""


def text_state(seed: int = 0, **sizes: int) -> dict[str, Tensor]:
    """As published: a BERT under its masked-language head, and a linear layer to 512 numbers."""
    shape = BertConfig(vocab_size=len(VOCABULARY), **{**TINY, **sizes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = BertForMaskedLM(shape)
        projection = torch.nn.Linear(shape.hidden_size, 512)
        for name, parameter in backbone.named_parameters():
            if "LayerNorm" not in name:  # so that texts differ by more than their first token's own numbers
                torch.nn.init.normal_(parameter, std=0.1)
    return {
        **{f"backbone.{key}": value.detach() for key, value in backbone.state_dict().items()},
        **{f"text_projection.{key}": value.detach() for key, value in projection.state_dict().items()},
    }


def write_tokenizer(folder: Path) -> Path:
    """`vocab.txt` as BERTs come with it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    return folder


def add_text_encoder(release: Path, state: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Put one into a release folder, without a tokenizer."""
    folder = release / "model_data" / "weights"
    folder.mkdir(exist_ok=True)
    state = text_state() if state is None else state
    torch.save(state, folder / "echo_prime_text_encoder.pt")
    return state
