"""Phrase codes to text, in the language of a lexicon (README, "The method", 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from echoprime.bundle import Lexicon

CLOSING = "[SEP]"
"""Ends a section's text."""


def decode_phrase(lexicon: Lexicon, section: int, phrase: int, value: str | None) -> str:
    """One phrase: its template with the value in it.

    Parameters
    ----------
    lexicon
        Of any language: the numbers are the same.
    section, phrase
        Positions in the lexicon.
    value
        As the report writes it; None = unknown, written as the lexicon's "not recorded".

    Examples
    --------
    >>> lexicon = Lexicon.from_phrases({"Aorta": {"Size": ["Root of <numerical> cm.", "Normal."]}})
    >>> decode_phrase(lexicon, 0, 0, "4.1"), decode_phrase(lexicon, 0, 0, None)
    ('Root of 4.1 cm.', 'Root of not recorded cm.')
    """
    template = lexicon.phrases[section][phrase]
    if "<" not in template:
        return template
    text = lexicon.texts["not_recorded"] if value is None else value
    place = "<numerical>" if "<numerical>" in template else "<string>"
    return template.replace(place, text)


def decode_section(lexicon: Lexicon, section: int, phrases: Iterable[tuple[int, str | None]]) -> str:
    """A section's text without the closing [SEP]: its header and its phrases.

    Examples
    --------
    >>> lexicon = Lexicon.from_phrases({"Aorta": {"Size": ["Root of <numerical> cm.", "Normal."]}})
    >>> decode_section(lexicon, 0, [(1, None), (0, "3.2")])
    'Aorta: Normal. Root of 3.2 cm.'
    """
    texts = [decode_phrase(lexicon, section, phrase, value) for phrase, value in phrases]
    return " ".join([f"{lexicon.sections[section]}:", *texts])


def decode_report(lexicon: Lexicon, report: Sequence[tuple[int, int, str | None]]) -> str:
    """A whole coded report as text; a new section begins wherever the section's number changes.

    Parameters
    ----------
    lexicon
        Of the language wanted.
    report
        (section, phrase, value) each, value as text, None = unknown.

    Examples
    --------
    >>> lexicon = Lexicon.from_phrases({"Aorta": {"Size": ["Normal."]}, "IVC": {"Size": ["Full."]}})
    >>> decode_report(lexicon, [(0, 0, None), (1, 0, None)])
    'Aorta: Normal. [SEP] IVC: Full. [SEP]'
    """
    runs: list[tuple[int, list[tuple[int, str | None]]]] = []
    for section, phrase, value in report:
        if not runs or runs[-1][0] != section:
            runs.append((section, []))
        runs[-1][1].append((phrase, value))
    texts = [f"{decode_section(lexicon, section, phrases)} {CLOSING}" for section, phrases in runs]
    return " ".join(texts) if texts else CLOSING
