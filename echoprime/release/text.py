"""A release's text encoder into a bundle: its weights, a tokenizer of the user's, a sentence's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from echoprime.bundle.writing import TEXT_ENCODER_FILE
from echoprime.errors import BundleError
from echoprime.networks.text_encoder import TextEncoder
from echoprime.networks.text_selfcheck import TEXT_SELFCHECK_FILE, record_text
from echoprime.networks.text_state import named_text_state
from echoprime.networks.tokens import TOKENIZER_FILE, tokenizer_json
from echoprime.release.weights import read_weights, save_weights
from echoprime.storage.local_files import write_whole

TEXT_WEIGHTS = "model_data/weights/echo_prime_text_encoder.pt"
"""Where a release has them; they are no part of all releases."""

TOKENIZER = "tokenizer"
"""Folder of a release that is taken where no other is named."""


@dataclass(frozen=True)
class TextSources:
    """What a text encoder is imported from.

    Attributes
    ----------
    weights
        The published file.
    tokenizer
        Content of `tokenizer.json`, as it will lie in the bundle.
    """

    weights: Path
    tokenizer: bytes

    @property
    def identity(self) -> str:
        """What tells one tokenizer from another: SHA-256."""
        return sha256(self.tokenizer).hexdigest()

    @property
    def origins(self) -> dict[str, str]:
        """Where each file of it came from."""
        return {
            TEXT_ENCODER_FILE: TEXT_WEIGHTS,
            TOKENIZER_FILE: "the tokenizer's folder that was named at import",
            TEXT_SELFCHECK_FILE: "a made-up sentence, computed at import in float32 on CPU",
        }


def text_sources(release: Path, tokenizer: Path | None) -> TextSources | None:
    """A release's text encoder; None where it has none, or no tokenizer is at hand: neither does harm.

    Parameters
    ----------
    release
        The release folder.
    tokenizer
        Folder with `tokenizer.json` or `vocab.txt`; None = `tokenizer/` of the release, where it is there.

    Raises
    ------
    BundleError
        A tokenizer was named, but the release has no text encoder, or it is none of a BERT's.
    """
    weights = release / TEXT_WEIGHTS
    if not weights.is_file():
        if tokenizer is not None:
            raise BundleError(
                f"--tokenizer {tokenizer}: the release has no {TEXT_WEIGHTS} that it belongs to; put it "
                "there, or leave --tokenizer out"
            )
        return None
    if tokenizer is None:
        tokenizer = release / TOKENIZER
        if not tokenizer.is_dir():
            return None
    return TextSources(weights, tokenizer_json(tokenizer))


def lacks_tokenizer(release: Path) -> bool:
    """Whether a text encoder is there that was left out for want of a tokenizer's folder."""
    return (release / TEXT_WEIGHTS).is_file() and not (release / TOKENIZER).is_dir()


def write_text_encoder(sources: TextSources, directory: Path) -> None:
    """Write weights, tokenizer, and what they make of a sentence on this machine; the latter comes last.

    Raises
    ------
    BundleError
        They are not a text encoder's, or do not fit each other.
    """
    if (directory / TEXT_SELFCHECK_FILE).is_file():
        return
    state = named_text_state(read_weights(sources.weights), sources.weights.name)
    save_weights(state, directory / TEXT_ENCODER_FILE)
    write_whole(directory / TOKENIZER_FILE, sources.tokenizer)
    encoder = TextEncoder(directory / TEXT_ENCODER_FILE, directory / TOKENIZER_FILE)
    write_whole(directory / TEXT_SELFCHECK_FILE, record_text(encoder))
