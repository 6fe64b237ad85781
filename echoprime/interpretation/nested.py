"""Nested Arrow columns out of flat arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def lists(counts: NDArray[np.integer], values: Any, kind: Any) -> Any:  # noqa: ANN401  # pyarrow has no types
    """A list column: so many of the values for each row, one row after the other.

    Examples
    --------
    >>> lists(np.array([2, 0, 1]), pa.array([5, 6, 7]), pa.int64()).to_pylist()
    [[5, 6], [], [7]]
    """
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=pa.list_(kind))


def structs(fields: dict[str, Any], kind: Any) -> Any:  # noqa: ANN401
    """A struct column: the fields in the order of the type.

    Examples
    --------
    >>> kind = pa.struct([("view", pa.string()), ("share", pa.float64())])
    >>> structs({"share": pa.array([0.5]), "view": pa.array(["A4C"])}, kind).to_pylist()
    [{'view': 'A4C', 'share': 0.5}]
    """
    return pa.StructArray.from_arrays([fields[field.name] for field in kind], fields=list(kind))


def known(values: NDArray[np.float64]) -> Any:  # noqa: ANN401
    """float64 numbers; null where NaN.

    Examples
    --------
    >>> known(np.array([0.5, np.nan])).to_pylist()
    [0.5, None]
    """
    return pa.array(values, pa.float64(), mask=np.isnan(values))
