"""What each sentence of the report rests on: how many of the other neighbours say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.bundle import Lexicon
from echoprime.interpretation.lexicon import decode_phrase
from echoprime.interpretation.neighbour_phrases import NeighbourPhrases
from echoprime.interpretation.nested import lists, structs
from echoprime.retrieval import ShardHits
from echoprime.tables.evidence_types import SENTENCE


@dataclass(frozen=True, eq=False)
class Sentences:
    """The sentences of every query's section, one after the other.

    Attributes
    ----------
    query
        int64 (sentences,), ascending: the query that each answers.
    place
        int64 (sentences,): its place in `NeighbourPhrases.phrase`.
    said_by, same_value
        int64 (sentences,): neighbours beside the report's candidate that say the phrase, and with its value.
    of, describing
        int64 (queries,): neighbours beside the report's candidate, and those of them that have the section.
    words
        pyarrow string (sentences,).
    """

    query: NDArray[np.int64]
    place: NDArray[np.int64]
    said_by: NDArray[np.int64]
    same_value: NDArray[np.int64]
    of: NDArray[np.int64]
    describing: NDArray[np.int64]
    words: Any

    def column(self, phrases: NeighbourPhrases, cell: NDArray[np.int64], cells: int) -> Any:  # noqa: ANN401
        """pyarrow list of `SENTENCE`, one list a cell; empty where no query was asked."""
        value = phrases.value.take(pa.array(self.place))
        fields = {
            "phrase": pa.array(phrases.phrase[self.place], pa.int32()),
            "text": self.words,
            "value": value,
            "said_by": pa.array(self.said_by, pa.int32()),
            "same_value": pa.array(
                self.same_value, pa.int32(), mask=value.is_null().to_numpy(zero_copy_only=False)
            ),
            "of": pa.array(self.of[self.query], pa.int32()),
        }
        counts = np.bincount(cell[self.query], minlength=cells)
        return lists(counts, structs(fields, SENTENCE), SENTENCE)


def sentences(lexicon: Lexicon, hits: ShardHits, phrases: NeighbourPhrases) -> Sentences:
    """Count, for every sentence of the reports, the neighbours that say the same.

    A neighbour counts once, however often its report says the phrase.

    Parameters
    ----------
    lexicon
        Of the report's language.
    hits
        The merged answers.
    phrases
        The same, flat.
    """
    width = max(map(len, lexicon.phrases))
    with_report = np.flatnonzero(phrases.of_report >= 0)
    which, place = phrases.expanded(phrases.of_report[with_report])
    query = with_report[which]
    beside = (hits.rows >= 0) & (hits.rows != hits.report_rows[:, None])
    speaking = beside & (phrases.of_neighbour >= 0)

    # 1. Every (neighbour, phrase) whose phrase is in its query's report.
    line = np.repeat(np.arange(len(hits)), speaking.sum(axis=1))
    pair, said = phrases.expanded(phrases.of_neighbour[speaking])
    cell = line[pair] * width + phrases.phrase[said]
    in_report = np.zeros(len(hits) * width, np.bool_)
    asked = query * width + phrases.phrase[place]
    in_report[asked] = True
    same = np.flatnonzero((phrases.phrase[said] < width) & in_report[np.minimum(cell, len(in_report) - 1)])
    said, cell = said[same], cell[same]

    # 2. Once a neighbour, whatever the value; then those with the value alone.
    first = phrases.first_of_its_text(phrases.phrase)
    count = np.bincount(cell[first[said]], minlength=len(in_report))
    return Sentences(
        query=query,
        place=place,
        said_by=count[asked],
        same_value=_same_value(phrases, asked, place, cell, said),
        of=beside.sum(axis=1),
        describing=speaking.sum(axis=1),
        words=_words(lexicon, phrases, place, which, with_report),
    )


def _same_value(
    phrases: NeighbourPhrases,
    asked: NDArray[np.int64],
    place: NDArray[np.int64],
    cell: NDArray[np.int64],
    said: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many neighbours say each sentence with its value; 0 where it has none."""
    coded = pc.dictionary_encode(phrases.value)
    number = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    size = len(coded.dictionary) + 1
    first = phrases.first_of_its_text(phrases.phrase * size + number)
    valued = said[kept := np.flatnonzero((number[said] >= 0) & first[said])]
    wanted = np.where(number[place] >= 0, asked * size + number[place], -1)
    known = np.unique(np.append(wanted, -1))  # -1: no value, which no neighbour has
    seen = cell[kept] * size + number[valued]
    at = np.minimum(np.searchsorted(known, seen), len(known) - 1)
    count = np.bincount(at[known[at] == seen], minlength=len(known))
    found: NDArray[np.int64] = count[np.searchsorted(known, wanted)]
    return found


def _words(
    lexicon: Lexicon,
    phrases: NeighbourPhrases,
    place: NDArray[np.int64],
    which: NDArray[np.int64],
    with_report: NDArray[np.int64],
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """The sentences in the lexicon's words; one that several reports share is put into words once."""
    section = phrases.section[phrases.of_report[with_report]][which]
    distinct, back = np.unique(place, return_inverse=True)
    first = np.zeros(len(distinct), np.int64)
    first[back] = section
    coded = zip(
        first.tolist(),
        phrases.phrase[distinct].tolist(),
        phrases.value.take(pa.array(distinct)).to_pylist(),
        strict=True,
    )
    words = [decode_phrase(lexicon, *each) for each in coded]
    return pa.array(words, pa.string()).take(pa.array(back))
