"""Kinds of study as lists write them."""

from __future__ import annotations

from echoprime.tables import STUDY_KINDS

SYNONYMS = {
    "tte": "transthoracic",
    "transthoracic echocardiogram": "transthoracic",
    "transthoracic echocardiography": "transthoracic",
    "tee": "transoesophageal",
    "toe": "transoesophageal",
    "transesophageal": "transoesophageal",
    "transoesophageal echocardiogram": "transoesophageal",
    "transesophageal echocardiogram": "transoesophageal",
    "stress echo": "stress",
    "stress echocardiogram": "stress",
    "dobutamine": "stress",
    "exercise": "stress",
    "contrast echo": "contrast",
    "ice": "intracardiac",
    "pediatric": "paediatric",
    "fetal": "other",
}
"""What lists write for one of `STUDY_KINDS`, in lower case."""

_MEANT = {**{kind: kind for kind in STUDY_KINDS}, **SYNONYMS}


def kind_expression(text: str) -> str:
    """SQL that turns a text into one of `STUDY_KINDS`; NULL for what means none of them.

    Parameters
    ----------
    text
        SQL of the text; case, `_`, `-` and blanks at its ends do not matter.

    Examples
    --------
    >>> import duckdb
    >>> expressions = [kind_expression(text) for text in ("' Stress_Echo'", "'MRI'")]
    >>> duckdb.execute(f"SELECT {', '.join(expressions)}").fetchall()
    [('stress', None)]
    """
    words = ", ".join(f"'{word}': '{kind}'" for word, kind in _MEANT.items())
    plain = rf"trim(regexp_replace(lower({text}), '[\s_-]+', ' ', 'g'))"
    return f"(MAP {{{words}}})[{plain}]"
