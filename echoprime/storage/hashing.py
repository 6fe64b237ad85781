"""Identities are hashes of content: BLAKE2b-128 of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""What `json` can write and read again."""


def canonical_json(value: JSON) -> bytes:
    """One value, one spelling: keys sorted, no spaces, UTF-8.

    Parameters
    ----------
    value
        JSON value; floats are written as their shortest repr, NaN and infinities are refused.

    Raises
    ------
    ValueError
        For NaN or an infinity.
    TypeError
        For what is not JSON.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None, 0.5]})
    b'{"a":[true,null,0.5],"b":1}'
    """
    # surrogatepass: file names that are not UTF-8 must still have one hash
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8", "surrogatepass")


def canonical_hash(value: JSON) -> str:
    """BLAKE2b-128 of canonical JSON, 32 hexadecimal digits.

    Examples
    --------
    >>> canonical_hash({"a": 1, "b": 2}) == canonical_hash({"b": 2, "a": 1})
    True
    >>> canonical_hash([])
    '7ebb3c7c2a87b1a2f8a7ed729ecb040d'
    """
    return hashlib.blake2b(canonical_json(value), digest_size=16).hexdigest()
