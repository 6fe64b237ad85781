"""What a phrase says of a structure's grade, by the words of `assets/severity/words.csv`.

A phrase is cut into sentences, a sentence into the table's words (the longest at each place; what is in
no row is passed over). It is then read from left to right as the field writes: a grade stands before its
finding ("mild to moderate mitral regurgitation") or after a verb, a colon or at the end of the clause ("size
and function are normal"); negation and one grade may hold for several findings; a finding without a place
in its own words is the section's, or of the place named last. What is hedged, compared with earlier, or only
bounded ("no significant", "at least mild", "cannot be excluded"), and a grade that is denied ("severe
stenosis is absent"), gives no grade: the finding is only named.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from functools import cache

from echoprime.assets import read_asset
from echoprime.interpretation.severity.clauses import Clauses
from echoprime.interpretation.severity.words import Token, Word

WORDS = "severity/words.csv"

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"\S+")
_LONG_WORD = re.compile(r"[A-Z]{5}")
_GAP = re.compile(r"<numerical>|<string>")
# Its point ends no sentence.
_VERSUS = re.compile(r"\bvs\.", re.IGNORECASE)
_PUNCTUATION = re.compile(r"([(),;:=])")
_DASHES = dict.fromkeys(
    map(ord, "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"), "-"
)


@dataclass(frozen=True)
class Statement:
    """One finding of a phrase.

    Attributes
    ----------
    anatomy, finding
        Words of the table's: `mitral_valve`, `regurgitation`.
    grade
        One of `echoprime.tables.schema.GRADES`; None = it is named without a grade that can be read.
    """

    anatomy: str
    finding: str
    grade: str | None


@dataclass(frozen=True)
class Wording:
    """The words that phrases are read by.

    Attributes
    ----------
    words
        Rows of the table.
    """

    words: tuple[Word, ...] = field(repr=False)

    @classmethod
    @cache
    def published(cls) -> Wording:
        """Of `assets/severity/words.csv`."""
        rows = csv.DictReader(read_asset(WORDS).decode().splitlines())
        return cls(tuple(Word.from_row(**row) for row in rows))

    def statements(self, phrase: str, anatomy: str) -> list[Statement]:
        """What a phrase says, in its order.

        Parameters
        ----------
        phrase
            English; gaps may stand in it as the lexicon has them.
        anatomy
            What the section it stands in is about; `elsewhere` = nothing that is graded.

        Examples
        --------
        >>> read = Wording.published().statements
        >>> read("Mild to moderate regurgitation without stenosis.", "mitral_valve")[0]
        Statement(anatomy='mitral_valve', finding='regurgitation', grade='mild to moderate')
        >>> read("Mild to moderate regurgitation without stenosis.", "mitral_valve")[1]
        Statement(anatomy='mitral_valve', finding='stenosis', grade='none')
        >>> read("No significant effusion.", "pericardium")
        [Statement(anatomy='pericardium', finding='effusion', grade=None)]
        """
        text = _plain(phrase)
        found: list[Statement] = []
        for sentence in _SENTENCE.split(text):
            tokens = self._tokens(sentence)
            clauses = Clauses(sentence, anatomy)
            for place, token in enumerate(tokens):
                clauses.take(token, tokens[place + 1 :])
            unsure = any(token.kind == "unsure" for token in tokens)
            found += [
                Statement(each, one.finding, None if unsure or one.grade == "unclear" else one.grade)
                for one in clauses.found
                for each in sorted(one.anatomy)
            ]
        return found

    def _tokens(self, sentence: str) -> list[Token]:
        """The longest words at each place, from left to right; rows that fit the same stand together."""
        tokens: list[Token] = []
        for start in (match.start() for match in _WORD.finditer(sentence)):
            if tokens and start < tokens[-1].end:
                continue
            matches = ((word.pattern.match(sentence, start), word) for word in self.words)
            here = [(match.end(), word) for match, word in matches if match]
            if here:
                end = max(each[0] for each in here)
                longest = [word for each, word in here if each == end]
                kind = longest[0].kind
                tokens.append(Token(start, end, kind, tuple(word for word in longest if word.kind == kind)))
        return tokens


def _plain(phrase: str) -> str:
    """Dashes of one kind, punctuation apart, gaps as a word; capitals throughout are no abbreviations."""
    text = _VERSUS.sub("vs", _GAP.sub("#", phrase).translate(_DASHES))
    text = text.lower() if text.isupper() and _LONG_WORD.search(text) else text
    return " ".join(_PUNCTUATION.sub(r" \1 ", text).split())
