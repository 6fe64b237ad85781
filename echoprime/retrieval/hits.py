"""What a search answers: neighbours, their labels and names, and the reports' phrases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.retrieval.left_out import LeftOut

SECTION_BITS = 32
"""Sections that a candidate's mask can name; a text's key is row * 32 + section."""


@dataclass(frozen=True, eq=False)
class ShardHits:
    """Neighbours of a batch of queries among the rows of one shard, or of several after a merge.

    Attributes
    ----------
    rows
        int64 (queries, k): rows of the candidate set, by (-score, row); -1 where there are fewer than k.
    scores
        float64 (queries, k): dot products; -inf where there is no row.
    labels
        float64 (queries, k, labels): NaN = unknown. Which labels: see `Shard.search`, `columns`.
    named_rows, names
        int64 (n,) ascending, and pyarrow string (n,): the study of each row that occurs in `rows`.
    section_bits
        int64 (queries,): section whose report text is asked for; -1 = none.
    report_rows, report_scores
        int64 and float64 (queries,): the best row that has that section; -1 and -inf if none has.
    text_keys, texts
        int64 (m,) ascending, row * 32 + section, and pyarrow list<struct<phrase, value>> (m,): what the
        reports of all neighbours, and those of `report_rows`, say of their query's section; only where
        they have it.
    left_out
        int64 (queries,): rows that were left out because they are of the query's study or patient.
    near_left_out
        Those of them that would be among the k best; none where they were not asked for.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    labels: NDArray[np.float64]
    named_rows: NDArray[np.int64]
    names: Any
    section_bits: NDArray[np.int64]
    report_rows: NDArray[np.int64]
    report_scores: NDArray[np.float64]
    text_keys: NDArray[np.int64]
    texts: Any
    left_out: NDArray[np.int64]
    near_left_out: LeftOut

    @property
    def k(self) -> int:
        """Neighbours asked for."""
        return int(self.rows.shape[1])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def report_keys(self) -> NDArray[np.int64]:
        """int64 (queries,): key into `text_keys`; -1 where no row has the section."""
        return np.where(self.report_rows >= 0, self.report_rows * SECTION_BITS + self.section_bits, -1)

    def name_places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in `names` the study of each of `rows` stands; all of them must occur in `rows` above."""
        table = np.zeros(int(self.named_rows.max(initial=-1)) + 1, np.int64)
        table[self.named_rows] = np.arange(len(self.named_rows))
        return table[rows]

    def text_places(self) -> NDArray[np.int64]:
        """int64 (queries, k): where in `texts` stands what each neighbour says of the query's section.

        -1 where its report does not have the section, or there is no neighbour.
        """
        places = np.full((len(self.named_rows) + 1) * SECTION_BITS, -1, np.int64)
        rows, bits = np.divmod(self.text_keys, SECTION_BITS)
        number = np.full(int(max(self.named_rows.max(initial=-1), rows.max(initial=-1))) + 2, -1, np.int64)
        number[self.named_rows] = np.arange(len(self.named_rows))
        # What is no neighbour's, a report found farther away, falls into the last cells, which are emptied.
        places[number[rows] * SECTION_BITS + bits] = np.arange(len(rows))
        places[-SECTION_BITS:] = -1
        bits = np.maximum(self.section_bits, 0)[:, None]
        found: NDArray[np.int64] = places[number[self.rows] * SECTION_BITS + bits]
        found[self.section_bits < 0] = -1
        return found

    def equals(self, other: ShardHits) -> bool:
        """Whether every value is the same, to the bit."""
        return (
            all(
                np.array_equal(getattr(self, name), getattr(other, name), equal_nan=name == "labels")
                for name in (
                    "rows",
                    "scores",
                    "labels",
                    "named_rows",
                    "section_bits",
                    "report_rows",
                    "report_scores",
                    "text_keys",
                    "left_out",
                )
            )
            and bool(self.names.equals(other.names))
            and bool(self.texts.equals(other.texts))
            and self.near_left_out.equals(other.near_left_out)
        )
