"""Phrase templates as regular expressions: one pattern a section, each phrase a named group of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

NUMERICAL, STRING = "<numerical>", "<string>"

_NUMBER = r"\d+(?:\.\d+)?"
# no full stop but a decimal point; lazy, so that it ends where the template goes on
_WORDS = r"\b\w(?:[^.]|\.(?=\d))*?"


def section_pattern(phrases: Sequence[str], unknown: str) -> re.Pattern[str] | None:
    """One alternation of all templates of a section, in their order, upper and lower case alike.

    As published, a template is a regular expression in which only `(`, `)` and `+` stand for themselves.
    Mended: `<string>` runs to what follows it in the template, within its sentence; in the published pattern
    it ended by a look-ahead for a full stop, so that a template that goes on after it never matched.

    Parameters
    ----------
    phrases
        Templates of the section.
    unknown
        The lexicon's words where a value is not known: a gap may hold them too, its value is then unknown.

    Returns
    -------
    re.Pattern or None
        Phrase n is the group `p<n>`, its gaps the groups `v<n>_<i>`; None where there is no template.

    Examples
    --------
    >>> pattern = section_pattern(["Normal.", "Seen from <string> windows."], "not recorded")
    >>> match = pattern.search("Seen from two good windows.")
    >>> match.lastgroup, match["v1_0"]
    ('p1', 'two good')
    """
    alternatives = [
        f"(?P<p{number}>{_checked(template, number, unknown)})"
        for number, template in enumerate(phrases)
        if template.strip()
    ]
    return re.compile("|".join(alternatives), re.IGNORECASE) if alternatives else None


def _checked(template: str, number: int, unknown: str) -> str:
    """As a regular expression; one that is none, such as `[sic`, stands for itself."""
    published = _expression(template, number, unknown, plain=False)
    try:
        re.compile(published)
    except re.error:
        return _expression(template, number, unknown, plain=True)
    return published


def _expression(template: str, number: int, unknown: str, *, plain: bool) -> str:
    pieces = re.split(f"({NUMERICAL}|{STRING})", " ".join(template.split()))
    # A report's one value is its number; words beside a number are not kept.
    kept = NUMERICAL if NUMERICAL in pieces else STRING
    built, gaps = "", 0
    for place, piece in enumerate(pieces):
        if piece not in (NUMERICAL, STRING):
            after_words = place > 0 and pieces[place - 1] == STRING
            built += re.escape(piece) if plain else _literal(piece, after_words=after_words)
            continue
        words = _NUMBER if piece == NUMERICAL else _WORDS
        name = f"?P<v{number}_{gaps}>" if piece == kept else "?:"
        gaps += piece == kept
        built += f"(?:{re.escape(unknown)}|({name}{words}))"
        if piece == STRING and not "".join(pieces[place + 1 :]).strip():
            built += r"(?=\.|$)"
    return built


def _literal(text: str, *, after_words: bool) -> str:
    for character in "()+":
        text = text.replace(character, f"\\{character}")
    # Behind a gap of words a dot must be a full stop: as any character it would end the gap at once.
    return text.replace(".", r"\.(?!\d)") if after_words else text
