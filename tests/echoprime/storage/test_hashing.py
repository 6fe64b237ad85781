"""Canonical hashes: one value, one hash; other values, others."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.storage import canonical_hash, canonical_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_order_of_keys_does_not_matter(value: dict) -> None:
    assert canonical_hash(value) == canonical_hash(dict(reversed(list(value.items()))))


@given(values, values)
def test_equal_hashes_mean_equal_json(one, other) -> None:
    assert (canonical_hash(one) == canonical_hash(other)) == (canonical_json(one) == canonical_json(other))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_hash({"a": math.nan})
    with pytest.raises(TypeError):
        canonical_hash({"a": b"bytes"})


def test_hashes_are_the_same_in_another_process() -> None:
    code = "from echoprime.storage import canonical_hash; print(canonical_hash({'b': [1, 0.1], 'a': 'é'}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        found.stdout.strip()
        == canonical_hash({"a": "é", "b": [1, 0.1]})
        == "d6a105085572665141153e604e0f1181"
    )
