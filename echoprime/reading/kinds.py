"""What kind of examination a file says it is of, and a study of its files.

Texts of the header are looked at for a few words and forgotten: they are neither stored nor shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from echoprime.reading.header import DESCRIPTIONS, Header
from echoprime.reading.kind_words import kinds_in_text

KINDS = ("intracardiac", "transoesophageal", "stress", "contrast", "paediatric", "other", "transthoracic")
"""Most specific first: where several are said, the first counts."""

UNKNOWN = "unknown"
"""Of a study of which nothing says what it is."""

ADULT = 18
"""Years."""

_IMAGE_TYPES = {
    "TTE": "transthoracic",
    "TEE": "transoesophageal",
    "INTRACARDIAC": "intracardiac",
    "PEDIATRIC": "paediatric",
    "FETAL HEART": "paediatric",
    **dict.fromkeys(
        (
            *("ABDOMINAL", "BREAST", "CHEST", "ENDOCAVITARY", "ENDORECTAL", "ENDOVAGINAL"),
            *("GYNECOLOGICAL", "INTRAOPERATIVE", "INTRAVASCULAR", "MUSCULOSKELETAL", "NEONATAL HEAD", "OB"),
            *("OPHTHALMIC", "PELVIC", "RETROPERITONEAL", "SCROTAL", "SMALL PARTS", "THYROID"),
            *("TRANSCRANIAL", "VASCULAR", "OBSTETRICAL", "RENAL"),
        ),
        "other",
    ),
}
"""Value 3 of ImageType (PS3.3 C.8.5.6.1.1, and two that scanners write). Others say nothing, EPICARDIAL among
them: SonoSite's scanners write it into transthoracic loops."""
# TransducerType (PS3.3 C.8.5.6.1.16): phased arrays in the oesophagus, and at a catheter's tip.
_TRANSDUCERS = {"ENDOCAV_PA": "transoesophageal", "IV_PHASED": "intracardiac"}
_NO_AGENT = frozenset({"", "NO", "NONE", "N", "N/A", "NA", "0"})
_YEARS = {"D": 365.25, "W": 52.2, "M": 12.0, "Y": 1.0}


def kind_of(header: Header) -> str | None:
    """The kind that a file's header says; None when it does not.

    Looked at are Image Type, the descriptions of study, series, protocol and procedure, the transducer, the
    stages of a protocol, the contrast agent, and the patient's age in years. A value that cannot be read
    says nothing.
    """
    said = set(_said(header))
    return next((kind for kind in KINDS if kind in said), None)


def study_kind(kinds: Iterable[str | None], listed: str | None = None) -> str:
    """The kind of a study.

    Parameters
    ----------
    kinds
        What each of its videos says, None = nothing.
    listed
        What a list of studies says; it wins.

    Returns
    -------
    One of `echoprime.tables.STUDY_KINDS`: the most specific kind that any video says. `other` counts where no
    video says a named one: a loop of the liver makes no transthoracic study another.

    Examples
    --------
    >>> study_kind([None, "transthoracic", "stress"]), study_kind(["stress"], listed="contrast")
    ('stress', 'contrast')
    >>> study_kind(["other", "transthoracic"]), study_kind([None, None])
    ('transthoracic', 'unknown')
    """
    if listed:
        return listed
    said = set(kinds)
    if said - {None, "other"}:
        said.discard("other")
    return next((kind for kind in KINDS if kind in said), UNKNOWN)


def _said(header: Header) -> Iterator[str]:
    types = header.texts("ImageType")
    yield _IMAGE_TYPES.get(types[2].upper(), "") if len(types) > 2 else ""
    years = _years(header)
    for name in DESCRIPTIONS:
        for text in header.texts(name):
            yield from kinds_in_text(text, adult=years is not None and years >= ADULT)
    yield from (_TRANSDUCERS.get(text.upper(), "") for text in header.texts("TransducerType"))
    stages = header.texts("NumberOfStages")
    if stages and stages[0].isdecimal() and int(stages[0]) > 1:  # protocols with stages are stress protocols
        yield "stress"
    if any(text.upper() not in _NO_AGENT for text in header.texts("ContrastBolusAgent")):
        yield "contrast"
    if years is not None and years < ADULT:
        yield "paediatric"


def _years(header: Header) -> float | None:
    """Age like 012Y or 006M in years; None where it is not told. 000Y is what anonymisers write."""
    age = " ".join(header.texts("PatientAge")).upper()
    number, unit = age[:3], age[3:]
    told = number.isdecimal() and int(number) > 0 and unit in _YEARS
    return int(number) / _YEARS[unit] if told else None
