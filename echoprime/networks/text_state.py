"""A text encoder's state dict in this project's names, and the sizes that its shapes say.

What is published says: a BERT base under a masked-language head (BiomedBERT base, abstracts), the last hidden
layer's first token, one linear layer to 512 numbers (README, "The method", 5). How its keys are called it
does not say, so they are found by their own endings, and a state dict that has more or less is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from echoprime.errors import BundleError
from echoprime.networks.architectures import EMBEDDING

BACKBONE, PROJECTION = "bert", "projection"
"""What keys begin with here: BERT's own, and the linear layer after it."""

HEAD_WIDTH = 64
"""Numbers in an attention head of every published BERT; the state dict does not tell."""

_WORDS = "embeddings.word_embeddings.weight"
_LAYER = re.compile(r"bert\.encoder\.layer\.(\d+)\.")
_UNUSED = re.compile(
    r"(^|\.)(cls\.(predictions|seq_relationship)|pooler)\.|embeddings\.(position_ids|token_type_ids)$"
)
"""The masked-language head, the pooler and counted positions: what the first token does not pass through."""

_CURE = "give the published echo_prime_text_encoder.pt"


@dataclass(frozen=True)
class TextSizes:
    """Sizes of a BERT.

    Attributes
    ----------
    words
        Rows of the vocabulary.
    width
        Numbers in a token.
    layers, heads, inner
        Of the encoder.
    positions
        Tokens that it can read at once: 512 as published.
    kinds
        Token types.
    """

    words: int
    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    kinds: int


def named_text_state(state: Mapping[str, Tensor], file: str) -> dict[str, Tensor]:
    """The same weights under `bert.*` and `projection.*`, without those that the embedding does not use.

    Parameters
    ----------
    state
        As published: BERT's keys under any prefix, and one linear layer of any name.
    file
        What messages call it.

    Raises
    ------
    BundleError
        It holds no BERT, or two; no linear layer to 512 numbers, or two; or a weight that is part of neither.
    """
    roots = [key.removesuffix(_WORDS) for key in state if key.endswith(_WORDS)]
    if len(roots) != 1:
        raise BundleError(f"{file}: {len(roots)} keys end in {_WORDS}, a text encoder has one; {_CURE}")
    parts = tuple(f"{roots[0]}{part}." for part in ("embeddings", "encoder"))
    named, left = {}, {}
    for key, tensor in state.items():
        if _UNUSED.search(key):
            continue
        if key.startswith(parts):
            named[f"{BACKBONE}.{key.removeprefix(roots[0])}"] = tensor
        else:
            left[key] = tensor
    width = state[f"{roots[0]}{_WORDS}"].shape[-1]
    stem = _projection(left, (EMBEDDING, width), file)
    for key, tensor in left.items():
        if key not in (f"{stem}.weight", f"{stem}.bias"):
            raise BundleError(
                f"{file}: {key!r} is part of neither a BERT nor the one linear layer after it; {_CURE}"
            )
        named[f"{PROJECTION}.{key.rpartition('.')[2]}"] = tensor
    return named


def _projection(left: Mapping[str, Tensor], shape: tuple[int, int], file: str) -> str:
    """The one linear layer among what is not BERT's, without its ".weight"."""
    found = [
        key.removesuffix(".weight")
        for key, tensor in left.items()
        if key.endswith(".weight")
        and tuple(tensor.shape) == shape
        and f"{key.removesuffix('weight')}bias" in left
    ]
    if len(found) != 1:
        there = ", ".join(f"{key} {tuple(tensor.shape)}" for key, tensor in list(left.items())[:4])
        raise BundleError(
            f"{file}: {len(found)} linear layers of shape {shape} after the BERT, a text encoder has one "
            f"(there is {there or 'nothing'}); {_CURE}"
        )
    return found[0]


def text_sizes(state: Mapping[str, Tensor]) -> TextSizes:
    """Sizes of a state dict that `named_text_state` gave.

    Raises
    ------
    BundleError
        A weight that tells one is missing, or the width is none of a BERT's.
    """
    layers = {int(found[1]) for key in state if (found := _LAYER.match(key))}
    words, width = _shape(state, "embeddings.word_embeddings.weight")
    if width % HEAD_WIDTH:
        raise BundleError(
            f"text encoder: tokens of {width} numbers; a BERT has a multiple of {HEAD_WIDTH}; {_CURE}"
        )
    return TextSizes(
        words=words,
        width=width,
        layers=len(layers),
        heads=width // HEAD_WIDTH,
        inner=_shape(state, "encoder.layer.0.intermediate.dense.weight")[0],
        positions=_shape(state, "embeddings.position_embeddings.weight")[0],
        kinds=_shape(state, "embeddings.token_type_embeddings.weight")[0],
    )


def _shape(state: Mapping[str, Tensor], name: str) -> tuple[int, int]:
    found = state.get(f"{BACKBONE}.{name}")
    if found is None or found.ndim != 2:
        raise BundleError(f"text encoder: the weights lack {name!r}; {_CURE}")
    return found.shape[0], found.shape[1]
