"""Rows of the table of words, and where they stand in a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass

KINDS = ("grade", "statement", "anatomy", "finding", "state", "other", "break", "link", "join", "unsure")
"""grade: how severe. statement: finding and grade in one ("pseudonormal filling"). anatomy: where. finding: a
noun that is graded; state: an adjective ("dilated"). other: what a grade may be about that is not read
("calcification"). break: ends a clause. link: leads from a finding to its grade. join: "and". unsure: the
sentence vouches for nothing."""


@dataclass(frozen=True)
class Word:
    """One row of the table.

    Attributes
    ----------
    kind
        One of `KINDS`.
    means
        A grade (or `unclear`) of grades and statements; anatomies or findings of those.
    of
        Findings that a grade or statement is said of, none = any; the anatomy that a finding's name brings.
    pattern
        Whole words, upper and lower case alike.
    """

    kind: str
    means: tuple[str, ...]
    of: tuple[str, ...]
    pattern: re.Pattern[str]

    @classmethod
    def from_row(cls, kind: str, means: str, of: str, pattern: str) -> Word:
        """From a row of the CSV.

        Raises
        ------
        ValueError
            The kind is none.
        """
        if kind not in KINDS:
            raise ValueError(f"words.csv: {kind!r} is no kind of word; there are {', '.join(KINDS)}")
        meant = (means,) if kind in ("grade", "statement") else tuple(means.split())
        whole = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)
        return cls(kind, meant, tuple(of.split()), whole)


@dataclass(frozen=True)
class Token:
    """Where words stand in a sentence.

    Attributes
    ----------
    start, end
        Characters.
    kind
        Of all the rows.
    rows
        Those whose pattern fits this place.
    """

    start: int
    end: int
    kind: str
    rows: tuple[Word, ...]

    @property
    def grades(self) -> dict[str, str]:
        """Finding -> grade; under "" the one of any finding."""
        return {of: row.means[0] for row in self.rows for of in (row.of or ("",))}
