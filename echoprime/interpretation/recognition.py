"""Report text back to phrase codes through the lexicon, and the report rebuilt from them (README, method 4).

recogniser = PhraseRecogniser(bundle.lexicon())
found = recogniser.recognise(text)
found.report, found.unrecognised
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from echoprime.bundle import Lexicon
from echoprime.interpretation.lexicon import CLOSING
from echoprime.interpretation.templates import section_pattern

CACHED_SECTIONS = 16_384
"""Section texts whose phrases are kept: reports are made of templates, so that many are alike."""

Phrase = tuple[int, str | None, str]
"""Number of the phrase in its section, its value (None = none or unknown), and its words in the report."""


@dataclass(frozen=True)
class SectionPhrases:
    """What is recognised in one section's text.

    Attributes
    ----------
    phrases
        In the order of the text.
    unrecognised
        Sentences, or what is left of them, that no phrase covers.
    several_values
        Phrases whose gaps hold different values; a coded phrase has room for one, so theirs is unknown.
    """

    phrases: tuple[Phrase, ...]
    unrecognised: tuple[str, ...]
    several_values: int = 0


@dataclass(frozen=True)
class RecognisedReport:
    """A report as phrases of a lexicon.

    Attributes
    ----------
    report
        (section, phrase, value) each, sections in the lexicon's order: what `decode_report` takes.
    text
        The report rebuilt from the phrases' own words.
    unrecognised
        (section, sentence) that no phrase covers; section "" = outside any section of the lexicon.
    several_values
        See `SectionPhrases`.
    """

    report: tuple[tuple[int, int, str | None], ...]
    text: str
    unrecognised: tuple[tuple[str, str], ...]
    several_values: int


class PhraseRecogniser:
    """Finds a lexicon's phrases in reports.

    A section's text begins at its header - `Left Ventricle:`, at the report's or a line's beginning or after
    a sentence - and ends at the next [SEP] or header.

    Parameters
    ----------
    lexicon
        Of the reports' language.

    Examples
    --------
    >>> lexicon = Lexicon.from_phrases({"Aorta": {"Size": ["Root of <numerical> cm.", "Normal."]}})
    >>> found = PhraseRecogniser(lexicon).recognise("AORTA: root of 4.1 cm. Arch not seen. [SEP]")
    >>> found.report, found.unrecognised
    (((0, 0, '4.1'),), (('Aorta', 'Arch not seen.'),))
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._places = {name.lower(): place for place, name in enumerate(lexicon.sections)}
        names = sorted(lexicon.sections, key=len, reverse=True)
        self._header = re.compile(
            rf"(?:^|(?<=[\].;!?\n]))[ \t]*({'|'.join(map(re.escape, names))})[ \t]*:",
            re.IGNORECASE | re.MULTILINE,
        )
        unknown = lexicon.texts["not_recorded"]
        self._patterns = [section_pattern(phrases, unknown) for phrases in lexicon.phrases]
        self._section = lru_cache(CACHED_SECTIONS)(self._recognise_section)

    def recognise(self, text: str) -> RecognisedReport:
        """Phrases of one report, and what is none.

        Parameters
        ----------
        text
            The whole report; runs of white space count as one space, upper and lower case are alike.
        """
        inside: dict[int, list[str]] = {}
        unrecognised: list[tuple[str, str]] = []
        for place, piece in self._pieces(text):
            if place is None:
                unrecognised += [("", sentence) for sentence in _sentences(piece)]
            else:
                inside.setdefault(place, []).append(piece)
        report: list[tuple[int, int, str | None]] = []
        rebuilt: list[str] = []
        several = 0
        for place in sorted(inside):
            name = self.lexicon.sections[place]
            found = self._section(place, " ".join(" ".join(inside[place]).split()))
            report += [(place, phrase, value) for phrase, value, _ in found.phrases]
            if found.phrases:
                rebuilt += [f"{name}:", *(words for _, _, words in found.phrases), CLOSING]
            unrecognised += [(name, sentence) for sentence in found.unrecognised]
            several += found.several_values
        return RecognisedReport(tuple(report), " ".join(rebuilt), tuple(unrecognised), several)

    def _pieces(self, text: str) -> Iterator[tuple[int | None, str]]:
        """Runs of text, each with its section; None = outside any."""
        for part in text.split(CLOSING):
            headers = list(self._header.finditer(part))
            starts = [*(header.start() for header in headers), len(part)]
            yield None, part[: starts[0]]
            for header, end in zip(headers, starts[1:], strict=True):
                yield self._places[header[1].lower()], part[header.end() : end]

    def _recognise_section(self, place: int, text: str) -> SectionPhrases:
        pattern = self._patterns[place]
        if pattern is None:
            return SectionPhrases((), tuple(_sentences(text)))
        phrases: list[Phrase] = []
        left: list[str] = []
        several = end = 0
        for match in pattern.finditer(text):
            left.append(text[end : match.start()])
            end = match.end()
            words = match[0].strip()
            # As published: what an earlier phrase says already is not said twice.
            if any(words in earlier for _, _, earlier in phrases):
                continue
            number, value, ambiguous = _coded(match)
            phrases.append((number, value, words))
            several += ambiguous
        left.append(text[end:])
        unrecognised = [sentence for piece in left for sentence in _sentences(piece)]
        return SectionPhrases(tuple(phrases), tuple(unrecognised), several)


def _coded(match: re.Match[str]) -> tuple[int, str | None, bool]:
    """The phrase's number, its value, and whether its gaps hold several."""
    assert match.lastgroup is not None  # every alternative is a named group
    number = int(match.lastgroup[1:])
    values = {
        value
        for name, value in match.groupdict().items()
        if value is not None and name.startswith(f"v{number}_")
    }
    return number, values.pop() if len(values) == 1 else None, len(values) > 1


def _sentences(text: str) -> Iterator[str]:
    """Sentences with a letter or digit in them."""
    for sentence in re.split(r"(?<=[.!?;])\s+|\n", text):
        words = " ".join(sentence.split())
        if re.search(r"\w", words):
            yield words
