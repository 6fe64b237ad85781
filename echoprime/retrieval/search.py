"""One shard of the candidate set: rows that are searched together, on one node."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import EchoPrimeError
from echoprime.retrieval.filters import Filter, FilterName
from echoprime.retrieval.first_pass import FirstPass
from echoprime.retrieval.hits import SECTION_BITS, ShardHits
from echoprime.retrieval.left_out import LeftOut
from echoprime.retrieval.own_similarities import DrawnCandidates
from echoprime.retrieval.parts import Part, Rows
from echoprime.retrieval.ranges import ranges
from echoprime.retrieval.rescoring import lengths
from echoprime.retrieval.scan import Excluded, nearest
from echoprime.retrieval.scoring_left_out import left_out_near

LARGEST_PRODUCT = 1e36
"""Of a query's and a row's lengths: filters sum in float32, which ends at 3e38."""


class Shard:
    """Rows `lo` to `hi` of a candidate set; make it by `CandidateSet.shard`.

    Parameters
    ----------
    parts
        Memory-mapped runs of rows that follow each other from `lo` on.
    lo, hi
        Rows of the candidate set.
    labels
        Names of the label columns.
    largest_norm
        No row of the set is longer.
    dimension
        Numbers in an embedding.
    search_filter
        The filter of its searches, see `echoprime.retrieval.first_pass`; no answer depends on it.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        lo: int,
        hi: int,
        labels: tuple[str, ...],
        largest_norm: float,
        dimension: int,
        search_filter: FilterName = "auto",
    ) -> None:
        self.lo = lo
        self.hi = hi
        self.labels = labels
        self.largest_norm = largest_norm
        self.dimension = dimension
        self._rows = Rows(parts)
        self._first_pass = FirstPass(self._rows, largest_norm, search_filter)

    def __len__(self) -> int:
        return len(self._rows)

    def prepare(self) -> None:
        """Make the filter now, not in the search that first needs it."""
        self._first_pass.prepare()

    def search(
        self,
        queries: NDArray[np.float32],
        section_bits: NDArray[np.integer],
        k: int,
        exclude_study: Sequence[str] | None = None,
        exclude_patient: Sequence[str] | None = None,
        *,
        columns: NDArray[np.integer] | None = None,
        near_left_out: bool = False,
        share: int | None = None,
        having: bool = False,
    ) -> ShardHits:
        """The k nearest rows of every query, their labels, what their reports say of its section, and the
        nearest report that has it.

        The answer to a query is the same, to the bit, whatever it is batched with and however the set is
        cut into shards (after `merge`).

        Parameters
        ----------
        queries
            float32 (queries, 512): never zero vectors.
        section_bits
            int (queries,): the section's number in the lexicon, whose text is wanted; -1 = none.
        k
            Neighbours, at least 1.
        exclude_study
            One study a query whose rows are left out before ranking; "" = none.
        exclude_patient
            One patient key a query, likewise.
        columns
            int (queries, n): the label columns wanted for each query, -1 = no label; None = all of them
            for every query, in the order of `labels`.
        near_left_out
            Answer those rows left out, too, that would be among the k nearest; not together with `having`.
        share
            Answer only so many of the k, and of the reports only those among them, as the rounds of
            `echoprime.retrieval.rounds.search_shards` ask; None = all k, and the nearest report that has
            the section however far it lies.
        having
            Search only rows that have their query's section; a query without one (-1) finds none.

        Raises
        ------
        EchoPrimeError
            On a query that is zero, not finite or too long, or arguments that do not fit each other.
        """
        if having and near_left_out:
            raise EchoPrimeError("search: near_left_out is not answered for rows that have a section")
        bits = np.asarray(section_bits, np.int64)
        vectors = np.ascontiguousarray(queries, np.float32)
        answered = k if share is None else share
        self._check(vectors, bits, k, answered, columns)
        excluded = self._excluded("study", exclude_study, len(vectors))
        other = self._excluded("patient", exclude_patient, len(vectors))
        excluded = _together(excluded, other, len(self))
        first = self._first_pass.of(len(vectors))
        if having:
            local, scores = self._nearest_having(vectors, bits, answered, excluded, first)
        else:
            local, scores = nearest(self._rows, vectors, answered, self.largest_norm, excluded, first=first)
        has = self._having(local, bits)
        report, report_scores = _best_having(local, scores, has)
        # Where all rows of the shard are ranked already there is nothing left to look for.
        if share is None and not having and len(self) > k:
            these = np.flatnonzero((report < 0) & (bits >= 0))
            left_out = excluded.of(these, len(vectors))
            farther = self._nearest_having(vectors[these], bits[these], 1, left_out, first)
            report[these], report_scores[these] = (each[:, 0] for each in farther)
        used = _used(local, len(self))
        position = np.full(len(self) + 1, len(used), np.int64)  # the last place stands for -1
        position[used] = np.arange(len(used))
        keys = _text_keys(local, bits, has, report, used, position)
        lifted = np.where(report >= 0, report + self.lo, -1)
        labels = self._labels(local, used, position, columns)
        near = LeftOut.none(labels.shape[2])
        if near_left_out and len(excluded.query):
            found = left_out_near(self._rows, vectors, excluded, local, scores, k, self.largest_norm, first)
            near = self._left_out(*found, columns)
        return ShardHits(
            rows=np.where(local >= 0, local + self.lo, -1),
            scores=scores,
            labels=labels,
            named_rows=used + self.lo,
            names=self._rows.column("study", used),
            section_bits=bits,
            report_rows=lifted,
            report_scores=report_scores,
            text_keys=keys + self.lo * SECTION_BITS,
            texts=self._rows.texts(keys),
            left_out=np.bincount(excluded.query, minlength=len(vectors)),
            near_left_out=near,
        )

    def drawn(self, rows: NDArray[np.int64]) -> DrawnCandidates:
        """Embeddings, studies and patients of those rows that this shard has.

        Parameters
        ----------
        rows
            int64, ascending: rows of the candidate set.
        """
        local = rows[(rows >= self.lo) & (rows < self.hi)] - self.lo
        embeddings = np.empty((len(local), self.dimension), np.float32)
        for part, start, chosen in self._rows.by_part(local):
            embeddings[chosen] = part[local[chosen] - start]
        studies, patients = (self._rows.column(name, local).to_pylist() for name in ("study", "patient"))
        return DrawnCandidates(embeddings, tuple(studies), tuple(patients))

    def _check(
        self,
        queries: NDArray[np.float32],
        bits: NDArray[np.int64],
        k: int,
        share: int,
        columns: NDArray[np.integer] | None,
    ) -> None:
        if queries.ndim != 2 or queries.shape[1] != self.dimension or bits.shape != queries.shape[:1]:
            raise EchoPrimeError(
                f"search: queries {queries.shape}, sections {bits.shape}; "
                f"must be (queries, {self.dimension}) and (queries,)"
            )
        if k < 1:
            raise EchoPrimeError(f"search: k is {k}; it must be at least 1")
        if not 1 <= share <= k:
            raise EchoPrimeError(f"search: a share of {share} of {k} neighbours; it must be 1 to {k}")
        if not np.isfinite(queries).all() or not queries.any(axis=1).all():
            raise EchoPrimeError(
                "search: a query is zero or not finite; leave out sections that are not assessable"
            )
        if len(queries) and lengths(queries).max() * self.largest_norm > LARGEST_PRODUCT:
            raise EchoPrimeError("search: a query is so long that float32 cannot hold its products")
        if bits.size and not (bits.min() >= -1 and bits.max() < SECTION_BITS):
            raise EchoPrimeError(f"search: section numbers must be -1..{SECTION_BITS - 1}")
        if columns is not None and (
            columns.ndim != 2 or len(columns) != len(queries) or np.any(columns >= len(self.labels))
        ):
            raise EchoPrimeError(
                f"search: label columns {columns.shape}; one line a query, each below {len(self.labels)}"
            )

    def _excluded(self, column: str, values: Sequence[str] | None, queries: int) -> Excluded:
        """Pairs of query and row whose `column` has the query's value; unknown ("") never matches."""
        if values is not None and len(values) != queries:
            raise EchoPrimeError(f"search: {len(values)} values to leave out for {queries} queries")
        distinct = sorted({value for value in values or () if value})
        if not distinct or values is None:
            return Excluded(np.zeros(0, np.int64), np.zeros(0, np.int64))
        rows, which = self._rows.places(column, distinct)
        number = {value: position for position, value in enumerate(distinct)}
        of_query = np.array([number.get(value, -1) for value in values], np.int64)
        order = np.argsort(which, kind="stable")
        first = np.searchsorted(which[order], of_query, side="left")
        counts = np.where(of_query >= 0, np.searchsorted(which[order], of_query, side="right") - first, 0)
        return Excluded(np.repeat(np.arange(queries), counts), rows[order][ranges(first, counts)])

    def _nearest_having(
        self,
        queries: NDArray[np.float32],
        bits: NDArray[np.int64],
        k: int,
        excluded: Excluded,
        first: Filter,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The k best rows that have the query's section, a section at a time; -1 and -inf where none has."""
        rows = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf)
        for bit in np.unique(bits[bits >= 0]).tolist():
            if not ((self._rows.sections >> np.uint32(bit)) & 1).any():
                continue
            these = np.flatnonzero(bits == bit)
            left_out = excluded.of(these, len(queries))
            rows[these], scores[these] = nearest(
                self._rows, queries[these], k, self.largest_norm, left_out, bit, first
            )
        return rows, scores

    def _having(self, rows: NDArray[np.int64], bits: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool (queries, k): whether each row's report has its query's section."""
        if not len(self):
            return np.zeros(rows.shape, np.bool_)
        wanted = np.maximum(bits, 0).astype(np.uint32)[:, None]
        has: NDArray[np.bool_] = (self._rows.sections[np.maximum(rows, 0)] >> wanted) & 1 == 1
        return has & (rows >= 0) & (bits >= 0)[:, None]

    def _left_out(
        self,
        query: NDArray[np.int64],
        local: NDArray[np.int64],
        scores: NDArray[np.float64],
        columns: NDArray[np.integer] | None,
    ) -> LeftOut:
        used = np.unique(local)
        position = np.zeros(len(self) + 1, np.int64)
        position[used] = np.arange(len(used))
        asked = None if columns is None else columns[query]
        labels = self._labels(local[:, None], used, position, asked)[:, 0]
        return LeftOut(query, local + self.lo, scores, labels)

    def _labels(
        self,
        rows: NDArray[np.int64],
        used: NDArray[np.int64],
        position: NDArray[np.int64],
        columns: NDArray[np.integer] | None,
    ) -> NDArray[np.float64]:
        """float64 (queries, k, n): labels of the found rows, read once for each row that occurs."""
        if columns is None:
            columns = np.broadcast_to(np.arange(len(self.labels)), (len(rows), len(self.labels)))
        values = np.full((len(used) + 1, len(self.labels)), np.nan)  # the last line: no row
        values[:-1] = self._rows.numbers(self.labels, used)
        labels = np.full((*rows.shape, columns.shape[1]), np.nan)
        for slot in range(columns.shape[1]):
            asked = np.flatnonzero(columns[:, slot] >= 0)
            flat = position[rows[asked]] * len(self.labels) + columns[asked, slot][:, None]
            labels[asked, :, slot] = values.ravel().take(flat)
        return labels


def _together(one: Excluded, other: Excluded, rows: int) -> Excluded:
    """Pairs of both, each once: a candidate may be of the same study and of the same patient."""
    if not len(one.query) and not len(other.query):
        return one
    pairs = np.unique(np.concatenate([each.query * rows + each.row for each in (one, other)]))
    return Excluded(*np.divmod(pairs, rows))


def _best_having(
    rows: NDArray[np.int64], scores: NDArray[np.float64], has: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each line's ranked rows the first that has the section; -1 and -inf where none has."""
    place, line = has.argmax(axis=1), np.arange(len(rows))
    found = has.any(axis=1)
    return np.where(found, rows[line, place], -1), np.where(found, scores[line, place], -np.inf)


def _used(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Rows that occur, ascending."""
    seen = np.zeros(count + 1, np.bool_)  # the last place stands for -1
    seen[rows.ravel()] = True
    return np.flatnonzero(seen[:-1])


def _text_keys(
    rows: NDArray[np.int64],
    bits: NDArray[np.int64],
    has: NDArray[np.bool_],
    report: NDArray[np.int64],
    used: NDArray[np.int64],
    position: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Row * 32 + section, ascending: the neighbours that have their query's section, and the reports."""
    seen = np.zeros(len(used) * SECTION_BITS, np.bool_)
    seen[(position[rows] * SECTION_BITS + bits[:, None])[has]] = True
    number, bit = np.divmod(np.flatnonzero(seen), SECTION_BITS)
    keys = used[number] * SECTION_BITS + bit
    # A report that was looked for farther away is nobody's neighbour.
    farther = (report >= 0) & ~has.any(axis=1)
    return np.union1d(keys, (report * SECTION_BITS + bits)[farther]) if farther.any() else keys
