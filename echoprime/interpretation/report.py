"""Report text: per section, what the most similar candidate report that has the section says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.bundle import Lexicon
from echoprime.interpretation.lexicon import CLOSING
from echoprime.interpretation.sentences import Sentences


def section_texts(
    lexicon: Lexicon,
    bits: NDArray[np.int64],
    sentences: Sentences,
    position: NDArray[np.int64],
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Text of every section of every study, without the closing [SEP].

    Parameters
    ----------
    lexicon
        Of the language wanted.
    bits
        int64 (sections,): number of each row of the section weights in the lexicon.
    sentences
        Of every query.
    position
        int64 (studies, sections): query of each study's section; -1 = not assessable.

    Returns
    -------
    pyarrow.StringArray
        (studies * sections,), study after study.
    """
    names = [lexicon.sections[bit] for bit in bits.tolist()]
    asked = position >= 0
    _, section = np.nonzero(asked)  # queries are ordered by (study, section)
    counts = np.bincount(sentences.query, minlength=len(section))
    offsets = pa.array(np.concatenate([[0], counts.cumsum()]), pa.int32())
    said = pc.binary_join(pa.ListArray.from_arrays(offsets, sentences.words), " ")
    headers = pa.array([f"{name}:" for name in names], pa.string()).take(pa.array(section))
    told = pc.binary_join_element_wise(headers, said, " ")
    not_assessable = [f"{name}: {lexicon.texts['not_assessable']}" for name in names]
    no_candidate = [f"{name}: {lexicon.texts['no_candidate']}" for name in names]
    index = np.broadcast_to(len(told) + np.arange(len(bits)), position.shape).copy()  # not assessable
    index[asked] = np.where(counts > 0, position[asked], len(told) + len(bits) + section)
    others = pa.array([*not_assessable, *no_candidate], pa.string())
    return pa.concat_arrays([told, others]).take(pa.array(index.ravel()))


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
