"""Which grade each phrase of a lexicon gives each structure, as one array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.assets import read_asset
from echoprime.bundle import Bundle, Lexicon
from echoprime.interpretation.severity.structures import STRUCTURES, Structure, read_structures
from echoprime.interpretation.severity.wording import WORDS, Wording
from echoprime.storage import canonical_hash
from echoprime.tables.evidence_types import GRADES

LANGUAGE = "en"
"""Of the words: phrases are read in English, and known by their numbers in every language."""

SILENT, UNGRADED = 0, 1
"""Codes of a structure that a phrase does not name, and of one that it names without a grade."""

FIRST_GRADE = 2
"""Code of `GRADES[0]`; the others follow."""


@dataclass(frozen=True, eq=False)
class PhraseGrades:
    """What the phrases of one lexicon say.

    Attributes
    ----------
    structures
        That some phrase gives a grade.
    starts
        int64 (sections + 1,): phrase p of section s is line `starts[s]` + p of `codes`.
    codes
        uint8 (phrases + 1, structures): `SILENT`, `UNGRADED`, or `FIRST_GRADE` + position in `GRADES`; the
        last line stands for a phrase that the lexicon does not have.
    sections
        For each structure the number of its own section; -1 = the lexicon lacks it.
    graded
        Positions of the structures whose own section has a phrase with a grade above none: where there is
        none, reports could only ever say "none".
    """

    structures: tuple[Structure, ...]
    starts: NDArray[np.int64]
    codes: NDArray[np.uint8]
    sections: tuple[int, ...]
    graded: tuple[int, ...]

    @classmethod
    def of(cls, lexicon: Lexicon) -> PhraseGrades:
        """Read every phrase of an English lexicon.

        Examples
        --------
        >>> flow = ["No leak.", "Mild leak.", "Leak present."]
        >>> grades = PhraseGrades.of(Lexicon.from_phrases({"Mitral Valve": {"Flow": flow}}))
        >>> [each.name for each in grades.structures], grades.codes[:, 0].tolist()
        (['mitral_regurgitation'], [2, 4, 1, 0])
        """
        structures = read_structures()
        place = {(each.anatomy, each.finding): number for number, each in enumerate(structures)}
        about = {each.section: each.anatomy for each in structures}
        starts = np.cumsum([0, *(len(phrases) for phrases in lexicon.phrases)])
        codes = np.zeros((int(starts[-1]) + 1, len(structures)), np.uint8)
        wording = Wording.published()
        for section, first, phrases in zip(lexicon.sections, starts.tolist(), lexicon.phrases, strict=False):
            for line, phrase in enumerate(phrases, start=first):
                for said in wording.statements(phrase, about.get(section, "elsewhere")):
                    number = place.get((said.anatomy, said.finding))
                    if number is not None:
                        # Of several grades of one structure the worst is the phrase's.
                        codes[line, number] = max(codes[line, number], code(said.grade))
        named = np.flatnonzero((codes >= FIRST_GRADE).any(axis=0)).tolist()
        kept = tuple(structures[number] for number in named)
        codes = np.ascontiguousarray(codes[:, named])
        numbers = [
            lexicon.sections.index(each.section) if each.section in lexicon.sections else -1 for each in kept
        ]
        graded = tuple(
            place
            for place, section in enumerate(numbers)
            if section >= 0 and (codes[starts[section] : starts[section + 1], place] > FIRST_GRADE).any()
        )
        return cls(kept, starts, codes, tuple(numbers), graded)

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> PhraseGrades | None:
        """By the bundle's English lexicon; None where it has none."""
        return cls.of(bundle.lexicon(LANGUAGE)) if LANGUAGE in bundle.languages else None

    def lines(self, sections: NDArray[np.integer], phrases: NDArray[np.integer]) -> NDArray[np.int64]:
        """Which line of `codes` a phrase is: int64, as many as given."""
        first = self.starts[sections]
        known = phrases < self.starts[np.asarray(sections, np.int64) + 1] - first
        lines: NDArray[np.int64] = np.where(known, first + phrases, len(self.codes) - 1)
        return lines


def code(grade: str | None) -> int:
    """The number of a grade in `PhraseGrades.codes`.

    Examples
    --------
    >>> code(None), code("none"), code("severe")
    (1, 2, 8)
    """
    return UNGRADED if grade is None else FIRST_GRADE + GRADES.index(grade)


def severity_identity(bundle: Bundle) -> str:
    """Hash of what grades depend on: both tables, and the English lexicon."""
    tables = [read_asset(name).decode() for name in (STRUCTURES, WORDS)]
    file = bundle.files.get(f"lexicon/{LANGUAGE}.json")
    return canonical_hash([*tables, None if file is None else file.sha256])
