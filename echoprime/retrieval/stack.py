"""Candidate sets searched as one: their rows one set after the other, as they lie, without a copy.

Nothing is written: shards map the sets' own files, a node's copy of one set serves every stack that it is in,
and a set that grows is not brought to every node again with the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

import pyarrow as pa

from echoprime.errors import BundleError
from echoprime.retrieval.candidates import CandidateSet
from echoprime.retrieval.parts import Part
from echoprime.retrieval.searchable import Candidates, Origins
from echoprime.storage import canonical_hash


@dataclass(frozen=True)
class CandidateStack(Candidates):
    """Several candidate sets; make it by `CandidateStack.of`.

    Attributes
    ----------
    names
        Of the sets, as evidence has them.
    sets
        In the order of their rows: of equal scores the earlier one's row is nearer.
    """

    names: tuple[str, ...]
    sets: tuple[CandidateSet, ...]

    @classmethod
    def of(cls, sets: Mapping[str, CandidateSet]) -> CandidateStack:
        """Put sets one after the other. Labels are joined by name: what a set lacks is unknown of its rows.

        Parameters
        ----------
        sets
            Name -> set, at least one.

        Raises
        ------
        BundleError
            Two of them are of different embedding spaces or lengths.
        """
        (first_name, first), *others = sets.items()
        for name, each in others:
            if each.embedding_space != first.embedding_space:
                raise BundleError(
                    f"candidates {first_name!r} are of the embedding space {first.embedding_space!r}, "
                    f"{name!r} of {each.embedding_space!r}: their similarities would mean nothing; stack "
                    "sets of one encoder"
                )
            if each.dimension != first.dimension:
                raise BundleError(
                    f"candidates {first_name!r} have {first.dimension} numbers each, {name!r} "
                    f"{each.dimension}; stack sets of one encoder"
                )
        return cls(
            rows=sum(each.rows for each in sets.values()),
            dimension=first.dimension,
            largest_norm=max(each.largest_norm for each in sets.values()),
            labels=tuple(dict.fromkeys(label for each in sets.values() for label in each.labels)),
            embedding_space=first.embedding_space,
            names=tuple(sets),
            sets=tuple(sets.values()),
        )

    def parts(self, lo: int = 0, hi: int | None = None) -> Iterator[Part]:
        hi = self.rows if hi is None else hi
        if not 0 <= lo <= hi <= self.rows:
            raise BundleError(f"candidates: rows {lo:,} to {hi:,} asked for, there are {self.rows:,}")
        for start, each in zip(self.origins.starts, self.sets, strict=True):
            first, last = max(lo - start, 0), min(hi - start, each.rows)
            if first < last:
                for part in each.parts(first, last):
                    yield self._lifted(part, start)

    def _lifted(self, part: Part, start: int) -> Part:
        """The part among the stack's rows, with a column for every label."""
        table = part.table
        for label in self.labels:
            if table.schema.get_field_index(f"label_{label}") < 0:
                table = table.append_column(f"label_{label}", pa.nulls(table.num_rows, pa.float64()))
        return replace(part, first=part.first + start, table=table)

    @property
    def part_lengths(self) -> tuple[int, ...]:
        return tuple(length for each in self.sets for length in each.part_lengths)

    @property
    def hashes(self) -> dict[str, str | None]:
        """Name -> the set's hash."""
        return {name: each.hash for name, each in zip(self.names, self.sets, strict=True)}

    @property
    def hash(self) -> str | None:
        """Of the names and hashes of its sets, in their order."""
        found = self.hashes
        return None if None in found.values() else canonical_hash([list(each) for each in found.items()])

    @property
    def origins(self) -> Origins:
        return Origins(self.names, (0, *accumulate(each.rows for each in self.sets[:-1])))
