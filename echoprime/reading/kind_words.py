"""Words by which descriptions of examinations say their kind, in English and other languages of Europe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ECHO = r"(?:echo|ecco|eco|ekko|eko|ultraso|ultraschall|us\b|imaging|probe|catheter)\w*"

_CONGENITAL = r"congenital\w*|congenit[ao]"  # of an adult it says nothing

# Of texts in lower case, without accents. Whole words; what follows must not make them something else.
_WORDS = {
    "intracardiac": (
        rf"intra[ -]?[ck]ard[a-z]+ {_ECHO}",
        rf"{_ECHO} (?:\w+ )?intra[ -]?[ck]ard[a-z]+",
        r"acunav|soundstar|viewflex",
    ),
    "transoesophageal": (
        r"trans[ -]?(?:oe|e|o)so(?:ph|f)ag\w*",
        r"tee",
        r"[sx][78][- ][23]t|6vt(?:-d)?|6tc(?:-rs)?|10t-d|z6ms|v5ms",  # transducers
    ),
    "stress": (
        r"stress(?:[ -]?e[ck]{1,2}h?o\w*)?(?! (?:cardiomyopath|fracture|incontinen|disorder)\w*)",
        r"dobutamin\w*|dipyridamol\w*|treadmill|\w*ergomet\w+|bicycle|supine bike",
        rf"exercise (?:stress|test\w*|{_ECHO})|{_ECHO} (?:with )?exercise",
        rf"{_ECHO} (?:\w+[' ])?(?:effort|sforzo|esfuerzo|esforco)",
        r"belastungs?\w*|belastnings?\w*|inspannings?\w*",
    ),
    "contrast": (
        r"contrast(?:e|o)?|kontrast\w*",
        r"(?:micro)?bubbles?|agitated saline|definity|lumason|sonovue|optison|luminity|perflutren",
    ),
    "paediatric": (
        r"(?:paed|ped)iatr\w*|padiatr\w*|neonat\w*|f(?:o?e|o)tal\w*|foetus|fetus",
        r"kinder(?:echo|ekko|kardio|herz)\w*",
        _CONGENITAL,
    ),
    "other": (
        r"carotid\w*|karotis\w*|duplex|venous|abdom\w+|abdominal|renal|thyroid|obstetric\w*|pelvi[cs]",
        r"transcranial|breast|kidneys?|musculoskeletal|lower extremit\w+|upper extremit\w+",
        r"(?<!and )(?<!& )(?<!/)vascular",  # not the name of a heart and vascular institute
    ),
    "transthoracic": (r"tte", r"trans[ -]?thora[ck]\w*"),
}
# Abbreviations that are words of some language in lower case, and within what they are none.
_CAPITALS = {
    "intracardiac": r"ICE",
    "transoesophageal": r"TOE(?! (?:PRESSURE|BRACHIAL|WAVEFORM|PPG))|ETO|ETE",
    "stress": r"DSE|ESE",
    "transthoracic": r"ETT",
}
# What makes a word before which it stands no statement; up to one other word may lie between.
_NEGATION = re.compile(
    r"(?:(?<!\w)(?:no|non|not|without|w/?o|ohne|keine?|sans|sin|senza|sem|zonder|geen|utan|uden|possible"
    r"|wall|adult)(?: \w+)?"
    r"|(?<!\w)(?:rule[ds]? out|r/o|exclude|instead of|pre|before|prior to|need(?: for)?|vs))[ /-]*$"
)
_CONDITION = re.compile(
    r"^(?: *[:=] *(?:no|none|not done) *$"
    r"|[ ,(]*(?:(?:if|prn)\b|as needed|when needed|optional|not done|cancel))"
)


def _whole(pattern: str) -> str:
    return rf"(?<!\w)(?:{pattern})(?!\w)"


_PATTERNS = {kind: re.compile(_whole("|".join(words))) for kind, words in _WORDS.items()}
_ABBREVIATIONS = {kind: re.compile(_whole(words)) for kind, words in _CAPITALS.items()}
_LONGEST_TEXT = 1024  # characters that are looked at


def kinds_in_text(text: str, *, adult: bool = False) -> set[str]:
    """Kinds of examination that a description says; negated and conditional ones do not count.

    Parameters
    ----------
    text
        The description.
    adult
        Whether the patient is known to be one: congenital disease is then no paediatric examination.

    Examples
    --------
    >>> sorted(kinds_in_text("Échographie transœsophagienne")), sorted(kinds_in_text("SERVICE ECHO"))
    (['transoesophageal'], [])
    >>> sorted(kinds_in_text("TTE without contrast, no stress, rule out TEE"))
    ['transthoracic']
    """
    text = re.sub(r"[\s_^|]+", " ", text[:_LONGEST_TEXT])
    folded = re.sub(_CONGENITAL, "", _folded(text)) if adult else _folded(text)
    found = {kind for kind, pattern in _PATTERNS.items() if any(_stated(pattern, folded))}
    return found | {kind for kind, pattern in _ABBREVIATIONS.items() if any(_stated(pattern, text))}


def _stated(pattern: re.Pattern[str], text: str) -> Iterator[bool]:
    for match in pattern.finditer(text):
        before = re.split(r"[,;:.]", text[: match.start()])[-1].lower()
        yield not _NEGATION.search(before) and not _CONDITION.match(text[match.end() :].lower())


def _folded(text: str) -> str:
    """Lower case, without accents: ö is o, œ is oe."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("ø", "o"))
    return "".join(each for each in decomposed if not unicodedata.combining(each))
