"""Text to word pieces: a BERT's vocabulary, in one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import BundleError, MissingPackageError

if TYPE_CHECKING:
    import tokenizers

TOKENIZER_FILE = "tokenizer.json"
"""Its name in a bundle: the format of the package tokenizers, which holds all that cutting text needs."""

VOCABULARY_FILE = "vocab.txt"
"""A BERT's vocabulary as it is published: a word piece a line."""

FIRST, LAST = "[CLS]", "[SEP]"
"""What a BERT puts around a text; the embedding is the first one's."""

UNKNOWN = "[UNK]"
"""What stands for a word that no pieces make up; without it such a text cannot be cut at all."""

MISSING = "text needs the package transformers; install it: pip install 'echoprime-pipeline[text]'"


class Tokenizer:
    """Cuts texts into word pieces.

    Parameters
    ----------
    file
        `tokenizer.json`.

    Raises
    ------
    MissingPackageError
        The package is not installed.
    BundleError
        The file is missing, damaged, or no BERT's.
    """

    def __init__(self, file: Path | str) -> None:
        self._tokenizer = _opened(Path(file))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if not _is_of_a_bert(self._tokenizer):
            raise BundleError(
                f"{Path(file).name}: no tokenizer of a BERT, which puts {FIRST} and {LAST} around a text and "
                f"has {UNKNOWN} for what it does not know; give the folder of the one that the weights were "
                "trained with"
            )

    @property
    def words(self) -> int:
        """Word pieces that it knows."""
        return int(self._tokenizer.get_vocab_size())

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, those around it too, however many an encoder can read."""
        return [len(found) for found in self._tokenizer.encode_batch(list(texts))]

    def cut(self, texts: Sequence[str], most: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Numbers of the tokens.

        Parameters
        ----------
        texts
            Any.
        most
            Tokens kept of a text, at least 3; a longer one loses its end, and keeps `LAST`.

        Returns
        -------
        ids : numpy.ndarray
            int32 (texts, most); 0 after the end.
        lengths : numpy.ndarray
            int32 (texts,): tokens of each.
        """
        ids = np.zeros((len(texts), most), np.int32)
        lengths = np.zeros(len(texts), np.int32)
        for row, found in enumerate(self._tokenizer.encode_batch(list(texts))):
            kept = found.ids if len(found) <= most else [*found.ids[: most - 1], found.ids[-1]]
            ids[row, : len(kept)] = kept
            lengths[row] = len(kept)
        return ids, lengths


def tokenizer_json(folder: Path) -> bytes:
    """Content of `tokenizer.json` of a folder that holds it, or `vocab.txt`; nothing else of it is read but
    `tokenizer_config.json`, for whether letters are lowered (where it does not say, they are).

    Raises
    ------
    BundleError
        The package is not installed, or the folder holds neither, or a damaged one.
    """
    try:
        if (folder / TOKENIZER_FILE).is_file():
            return str(_opened(folder / TOKENIZER_FILE).to_str()).encode()
        if not (folder / VOCABULARY_FILE).is_file():
            raise BundleError(
                f"--tokenizer {folder}: neither {TOKENIZER_FILE} nor {VOCABULARY_FILE} in it; give the "
                "folder of the tokenizer that the text encoder was trained with (BiomedBERT base, abstracts)"
            )
        lowered = _lowered(folder / "tokenizer_config.json")
        from tokenizers.implementations import BertWordPieceTokenizer

        made = BertWordPieceTokenizer(str(folder / VOCABULARY_FILE), lowercase=lowered)
        return str(made.to_str()).encode()
    except ImportError as error:
        raise MissingPackageError(MISSING) from error
    except BundleError:
        raise
    except Exception as error:  # what the package's own language raises
        raise BundleError(
            f"--tokenizer {folder}: {VOCABULARY_FILE} is damaged ({type(error).__name__}); copy it again"
        ) from error


def _lowered(file: Path) -> bool:
    if not file.is_file():
        return True
    try:
        found = json.loads(file.read_bytes()).get("do_lower_case", True)
    except (ValueError, AttributeError) as error:
        raise BundleError(f"{file.name}: no JSON object; copy it again") from error
    return bool(found)


def _is_of_a_bert(tokenizer: tokenizers.Tokenizer) -> bool:
    if getattr(tokenizer.model, "unk_token", None) != UNKNOWN or tokenizer.token_to_id(UNKNOWN) is None:
        return False
    try:
        pieces = tokenizer.encode("heart").tokens
    except Exception:  # what the package's own language raises
        return False
    return len(pieces) >= 3 and (pieces[0], pieces[-1]) == (FIRST, LAST)


def _opened(file: Path) -> tokenizers.Tokenizer:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingPackageError(MISSING) from error
    try:
        return tokenizers.Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"{file.name} is missing; import the release again") from error
    except Exception as error:  # what the package's own language raises
        raise BundleError(f"{file.name}: damaged, or no tokenizer; copy it again") from error
