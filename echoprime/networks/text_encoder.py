"""The text encoder: sentences to the 512 numbers that videos are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from echoprime.errors import BundleError, MissingPackageError
from echoprime.networks.architectures import EMBEDDING
from echoprime.networks.batching import in_portions, portion_size
from echoprime.networks.text_selfcheck import check_text
from echoprime.networks.text_state import BACKBONE, PROJECTION, TextSizes, text_sizes
from echoprime.networks.tokens import MISSING, TOKENIZER_FILE, Tokenizer
from echoprime.networks.weights import Weights, build_network, read_state

if TYPE_CHECKING:
    from echoprime.bundle import Bundle

ARCHITECTURE = "bert"
"""What a bundle calls it; its sizes are those of its weights."""

TEXTS_ON_GPU = 32
"""Texts computed together on a GPU, each filled up to the most tokens."""

PADDED_WORDS = 64
"""Rows that a vocabulary may be filled up with to a round number."""


class TextEncoder:
    """Turns texts into embeddings: BERT, its last hidden layer's first token, a linear layer.

    Dropout is off; the activation is GELU and layers are normalised with 1e-12, as in every published BERT.
    On cores each text is computed alone and by one thread, without padding, so that the same bytes come out
    whatever it is sent with; on a GPU texts go in portions of one fixed shape.

    Parameters
    ----------
    weights
        State dict under the names of `text_state`, or a safetensors file with it; float32.
    tokenizer
        `tokenizer.json`.
    device
        A torch device name.
    portion
        Texts computed together; by default 1 on cores and 32 elsewhere.

    Raises
    ------
    BundleError
        transformers is not installed; weights or tokenizer are not a BERT's, or do not fit each other.
    """

    def __init__(
        self, weights: Weights, tokenizer: Path | str, device: str = "cpu", *, portion: int | None = None
    ) -> None:
        state = read_state(weights) if isinstance(weights, Path | str) else weights
        sizes = text_sizes(state)
        self.device = torch.device(device)
        self.most = sizes.positions
        """Tokens that it reads of a text."""
        self.tokenizer = Tokenizer(tokenizer)
        _require_words(self.tokenizer, sizes)
        self._portion = portion_size(self.device, portion, TEXTS_ON_GPU)
        network = build_network(lambda outputs: _TextNetwork(sizes, outputs), EMBEDDING, state)
        self._network = network.to(self.device)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Compute the embeddings of texts.

        Parameters
        ----------
        texts
            Any; of one with more than `most` tokens the beginning counts.

        Returns
        -------
        numpy.ndarray
            float32 (texts, 512), not normalised.
        """
        return in_portions(
            self._compute,
            self.tokenizer.cut(texts, self.most),
            size=self._portion,
            device=self.device,
            outputs=EMBEDDING,
        )

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text; those after `most` are not read."""
        return self.tokenizer.lengths(texts)

    def _compute(self, ids: Tensor, lengths: Tensor) -> Tensor:
        if self.device.type == "cpu":  # no shape to keep: nothing is computed for tokens that are not there
            ids = ids[:, : int(lengths.max())]
        embeddings: Tensor = self._network(ids.long(), lengths)
        return embeddings


class _TextNetwork(nn.Module):
    def __init__(self, sizes: TextSizes, outputs: int) -> None:
        super().__init__()
        try:
            from transformers import BertConfig, BertModel
        except ImportError as error:
            raise MissingPackageError(MISSING) from error
        shape = BertConfig(
            vocab_size=sizes.words,
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.inner,
            max_position_embeddings=sizes.positions,
            type_vocab_size=sizes.kinds,
        )
        backbone = BertModel(shape, add_pooling_layer=False)
        for name, _ in list(backbone.embeddings.named_buffers(recurse=False)):
            # counted positions: no state dict has them, nor a module built without memory; `forward` counts
            delattr(backbone.embeddings, name)
        self.add_module(BACKBONE, backbone)
        self.add_module(PROJECTION, nn.Linear(sizes.width, outputs))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        hidden = self.get_submodule(BACKBONE)(
            input_ids=ids,
            attention_mask=(places < lengths[:, None]).long(),
            position_ids=places[None],
            token_type_ids=torch.zeros_like(ids),
        ).last_hidden_state
        projected: Tensor = self.get_submodule(PROJECTION)(hidden[:, 0])
        return projected


def _require_words(tokenizer: Tokenizer, sizes: TextSizes) -> None:
    if not 0 <= sizes.words - tokenizer.words < PADDED_WORDS:
        raise BundleError(
            f"{TOKENIZER_FILE}: {tokenizer.words:,} word pieces, the text encoder has {sizes.words:,}; give "
            "the tokenizer that it was trained with (BiomedBERT base, abstracts)"
        )


def load_text_encoder(bundle: Bundle, device: str = "cpu") -> TextEncoder:
    """Load a bundle's text encoder, and see that it computes here what it computed where it was imported.

    Raises
    ------
    MissingPackageError
        transformers is not installed.
    BundleError
        The bundle has none, or the numbers differ.
    """
    network = bundle.text_encoder
    if network is None:
        raise BundleError(
            f"bundle {bundle.name!r} has no text encoder; import a release with model_data/weights/"
            "echo_prime_text_encoder.pt in it and --tokenizer FOLDER"
        )
    if network.architecture != ARCHITECTURE:
        raise BundleError(
            f"text encoder {network.architecture!r} is not {ARCHITECTURE}; import the release again with "
            "this version"
        )
    encoder = TextEncoder(bundle.file(network.file), bundle.file(TOKENIZER_FILE), device)
    check_text(bundle, encoder)
    return encoder
