"""Does the text encoder compute here what it computed where the bundle was made?

A bundle holds a sentence with its tokens and its embedding, recorded in float32 on cores. Another tokenizer
is found by the tokens, other weights or a broken library by the numbers.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from echoprime.errors import BundleError
from echoprime.networks.selfcheck import TOLERANCE

if TYPE_CHECKING:
    from echoprime.bundle import Bundle
    from echoprime.networks.text_encoder import TextEncoder

TEXT_SELFCHECK_FILE = "text_selfcheck.npz"
"""Its name in a bundle: `tokens` int32 (n,), `embedding` float32 (512,)."""

SENTENCE = (
    "Left Ventricle: Normal left ventricular size. The ejection fraction is 62%. No pericardial effusion."
)
"""Nobody's report."""


def record_text(encoder: TextEncoder) -> bytes:
    """Content of `text_selfcheck.npz`.

    Raises
    ------
    BundleError
        The embedding is not finite: the weights are damaged.
    """
    tokens, embedding = _computed(encoder)
    if not np.isfinite(embedding).all() or not embedding.any():
        raise BundleError("text encoder: a sentence's numbers are not finite, or all zero; download it again")
    content = io.BytesIO()
    np.savez_compressed(content, tokens=tokens, embedding=embedding)
    return content.getvalue()


def check_text(bundle: Bundle, encoder: TextEncoder) -> float:
    """Compute the sentence again and compare; returns the largest difference of its numbers.

    Raises
    ------
    BundleError
        The tokens are others, a number differs by more than `TOLERANCE`, or the file is damaged.
    """
    try:
        with np.load(bundle.file(TEXT_SELFCHECK_FILE), allow_pickle=False) as content:
            recorded = content["tokens"], content["embedding"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"{TEXT_SELFCHECK_FILE} is damaged ({type(error).__name__}); import the release again"
        ) from error
    tokens, embedding = _computed(encoder)
    if not np.array_equal(tokens, recorded[0]):
        raise BundleError(
            "text self-check failed: a sentence becomes other tokens than the bundle recorded; install the "
            "version of tokenizers that constraints.txt names, or import the release again"
        )
    difference = float(np.abs(embedding - recorded[1]).max())
    if not difference <= TOLERANCE:  # so that NaN is refused too
        raise BundleError(
            f"text self-check failed: the numbers of a sentence differ by {difference:.2g}, tolerance "
            f"{TOLERANCE:.2g}; import the release again, or use another device"
        )
    return difference


def _computed(encoder: TextEncoder) -> tuple[np.ndarray, np.ndarray]:
    ids, lengths = encoder.tokenizer.cut([SENTENCE], encoder.most)
    return ids[0, : int(lengths[0])], encoder.embed([SENTENCE])[0]
