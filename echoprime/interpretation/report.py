"""Report text: per section, what the most similar candidate report that has the section says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.bundle import Lexicon
from echoprime.interpretation.lexicon import CLOSING, decode_section
from echoprime.retrieval import ShardHits
from echoprime.retrieval.hits import SECTION_BITS


def section_texts(
    lexicon: Lexicon,
    bits: NDArray[np.int64],
    hits: ShardHits,
    position: NDArray[np.int64],
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Text of every section of every study, without the closing [SEP].

    Each (candidate, section) that occurs is put into words once.

    Parameters
    ----------
    lexicon
        Of the language wanted.
    bits
        int64 (sections,): number of each row of the section weights in the lexicon.
    hits
        With `report_rows` and their phrases.
    position
        int64 (studies, sections): query of each study's section; -1 = not assessable.

    Returns
    -------
    pyarrow.StringArray
        (studies * sections,), study after study.
    """
    decoded = _decoded(lexicon, hits)
    names = [lexicon.sections[bit] for bit in bits.tolist()]
    not_assessable = [f"{name}: {lexicon.texts['not_assessable']}" for name in names]
    no_candidate = [f"{name}: {lexicon.texts['no_candidate']}" for name in names]
    section = np.broadcast_to(np.arange(len(bits)), position.shape)
    index = len(decoded) + section.copy()  # not assessable
    asked = position >= 0
    query = position[asked]
    keys = hits.report_keys[query]
    index[asked] = np.where(
        keys >= 0, np.searchsorted(hits.text_keys, keys), len(decoded) + len(bits) + section[asked]
    )
    words = pa.array([*decoded, *not_assessable, *no_candidate], pa.string())
    return words.take(pa.array(index.ravel()))


def joined(texts: Any, sections: int) -> Any:  # noqa: ANN401  # pyarrow has no types
    """A study's sections joined without a separator, each closed by [SEP].

    Parameters
    ----------
    texts
        pyarrow strings (studies * sections,).
    sections
        How many each study has.

    Examples
    --------
    >>> joined(pa.array(["Aorta: Normal.", "IVC: Full."]), 2).to_pylist()
    ['Aorta: Normal. [SEP]IVC: Full. [SEP]']
    """
    offsets = pa.array(np.arange(0, len(texts) + 1, sections), pa.int32())
    together = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), f" {CLOSING}")
    return pc.binary_join_element_wise(together, f" {CLOSING}", "")


def _decoded(lexicon: Lexicon, hits: ShardHits) -> list[str]:
    """Words of each key of `hits.text_keys`."""
    flat = hits.texts.flatten()
    phrases = flat.field("phrase").to_pylist()
    values = flat.field("value").to_pylist()
    ends = np.cumsum(hits.texts.value_lengths().to_numpy(zero_copy_only=False)).tolist()
    sections = (hits.text_keys % SECTION_BITS).tolist()
    texts, start = [], 0
    for section, end in zip(sections, ends, strict=True):
        coded = zip(phrases[start:end], values[start:end], strict=True)
        texts.append(decode_section(lexicon, section, coded))
        start = end
    return texts
