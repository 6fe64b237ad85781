"""What exported candidate files say of themselves: compared with one another, and with what is there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echoprime.errors import SettingError
from echoprime.interpretation.plain_candidates import METADATA

ALIKE = {"embedding_space": "embedding space", "lexicon": "lexicon"}
"""What all files of one import must say alike, and what messages call it."""


@dataclass(frozen=True)
class SaidFile:
    """A file, and what it says of itself.

    Attributes
    ----------
    name
        Of the file.
    rows
        That lie in it.
    said
        {} for a file that this project did not write.
    """

    name: str
    rows: int
    said: dict[str, Any]


def said_by(footer: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """What an exported file says of itself; {} for others.

    Parameters
    ----------
    footer
        A Parquet file's key-value metadata. Not the schema's: they lack what a withdrawal wrote anew.

    Examples
    --------
    >>> said_by({METADATA: b'{"rows": 3}'}), said_by(None)
    ({'rows': 3}, {})
    """
    try:
        said = json.loads((footer or {}).get(METADATA, b"{}"))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def require_alike(files: Sequence[SaidFile]) -> None:
    """Refuse files whose embeddings or codes cannot be taken as one set's.

    Raises
    ------
    SettingError
        Naming the two files and what they say.
    """
    first = files[0]
    for each in files[1:]:
        for fact, name in ALIKE.items():
            if each.said.get(fact) != first.said.get(fact):
                raise SettingError(
                    f"{name}: {first.name} says {_shown(first.said.get(fact))}, {each.name} says "
                    f"{_shown(each.said.get(fact))}; import them as two sets"
                )


def require_whole(files: Iterable[SaidFile]) -> None:
    """Refuse a part of an export; rows that were withdrawn of it are no loss.

    Raises
    ------
    SettingError
        Naming how many rows there are, and how many the set had.
    """
    there: defaultdict[tuple[str, int], int] = defaultdict(int)
    for each in files:
        whole = each.said.get("rows")
        if isinstance(whole, int):
            withdrawn = each.said.get("withdrawn")
            key = (str(each.said.get("hash")), whole)
            there[key] += each.rows + (withdrawn if isinstance(withdrawn, int) else 0)
    for (_, whole), rows in there.items():
        if rows != whole:
            raise SettingError(
                f"--rows: {rows:,} rows of an export of {whole:,} candidates; run `candidates export` again, "
                f"which writes what is missing, and name its folder (files without {METADATA.decode()!r} in "
                "their metadata may be a part)"
            )


def joined_notice(notices: Iterable[object]) -> str:
    """Notices one after the other, none twice.

    Examples
    --------
    >>> joined_notice(["Research only.", None, "Drawn.", "Research only."])
    'Research only. Drawn.'
    """
    joined = ""
    for notice in notices:
        if isinstance(notice, str) and notice not in joined:
            joined = f"{joined} {notice}".lstrip()
    return joined


def _shown(fact: object) -> str:
    return "nothing" if fact is None else json.dumps(fact, sort_keys=True)
