"""What a table was made with, and how it differs from what would be written now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from echoprime.storage import JSON, canonical_json
from echoprime.tables.schema import STUDY_KINDS


def _flat(value: JSON, name: str = "") -> Iterator[tuple[str, str]]:
    """Leaves with dotted names, each as JSON; a list is a leaf."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, canonical_json(value).decode("utf-8", "replace")


def differences(there: Mapping[str, JSON], here: Mapping[str, JSON]) -> list[str]:
    """Name every leaf that differs between two identities.

    Parameters
    ----------
    there, here
        Identity of the table, and of what is to be written.

    Returns
    -------
    list of str
        One phrase a leaf, sorted by its name; ids (names that end in `_id`) come last, since they only follow
        from the others.

    Examples
    --------
    >>> differences({"mode": "fp32", "a": {"b": 1}}, {"mode": "bf16", "a": {"b": 1}})
    ['mode is "fp32" there and "bf16" here']
    >>> differences({}, {"clips": 1})
    ['clips is not set there and 1 here']
    """
    return [f"{name} is {old} there and {new} here" for name, old, new in changed_settings(there, here)]


def changed_settings(there: Mapping[str, JSON], here: Mapping[str, JSON]) -> list[tuple[str, str, str]]:
    """The same leaves as (name, what is there, what is here).

    Examples
    --------
    >>> changed_settings({"k": 50, "interpretation_id": "a"}, {"k": 20, "interpretation_id": "b"})[0]
    ('k', '50', '20')
    """
    old, new = dict(_flat(there)), dict(_flat(here))
    names = sorted((old.keys() | new.keys()) - {""}, key=lambda name: (name.endswith("_id"), name))
    return [
        (name, _short(old.get(name)), _short(new.get(name)))
        for name in names
        if old.get(name) != new.get(name)
    ]


def interpreted_kinds(identity: Mapping[str, JSON]) -> tuple[str, ...]:
    """Kinds of study that an interpretation was made of; all of them where its identity does not say.

    Examples
    --------
    >>> interpreted_kinds({"study_kinds": ["stress", "unknown"]})
    ('stress', 'unknown')
    """
    kinds = identity.get("study_kinds")
    return tuple(map(str, kinds)) if isinstance(kinds, list) else STUDY_KINDS


VALUES_REST_ON = (
    "encoding_id", "candidates", "embedding_space", "section_weights", "phenotypes", "k", "pairing",
    "exclusions", "views", "study_kinds",
)  # fmt: skip
"""Of an interpretation's identity: what its values depend on; calls, words and evidence depend on more."""


def values_identity(identity: Mapping[str, JSON]) -> dict[str, JSON]:
    """The part of an interpretation's identity that its values depend on.

    Examples
    --------
    >>> values_identity({"k": 50, "language": "it"})["k"]
    50
    >>> "language" in values_identity({"k": 50, "language": "it"})
    False
    """
    return {name: identity.get(name) for name in VALUES_REST_ON}


def _short(value: str | None) -> str:
    if value is None:
        return "not set"
    return value if len(value) <= 80 else f"{value[:77]}..."


def read_identity(text: str | None) -> dict[str, JSON]:
    """Read what `canonical_json` wrote into a table's metadata; empty where nothing stands."""
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
