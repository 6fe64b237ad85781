"""How far each value spreads over the clips that it might rest on, and whether its call holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.interpretation.clip_values import ClipValues
from echoprime.interpretation.nested import known, lists
from echoprime.tables.evidence_types import CLIP_SPREAD


def clips_field(
    clips: ClipValues | None, values: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> Any:  # noqa: ANN401  # pyarrow has no types
    """The field `clips` of `echoprime.tables.schema.PHENOTYPE`.

    Parameters
    ----------
    clips
        Values by single clips; None = no video has several.
    values, thresholds
        float64 (studies, phenotypes) and (phenotypes,); NaN = none.

    Returns
    -------
    pyarrow.StructArray
        (studies * phenotypes,) of `echoprime.tables.schema.CLIP_SPREAD`.
    """
    if clips is None:
        return pa.nulls(values.size, CLIP_SPREAD)
    # (studies, phenotypes, turns), of each so many as it has
    of = np.ascontiguousarray(clips.values.transpose(0, 2, 1))
    asked = np.arange(of.shape[2]) < clips.turns[:, :, None]
    some = asked & ~np.isnan(of)
    called = ~np.isnan(values) & ~np.isnan(thresholds)
    flips = some & ((of >= thresholds[:, None]) != (values >= thresholds)[:, :, None])
    none = ~some.any(axis=2).ravel()
    fields = {
        "values": lists(clips.turns.ravel(), known(of[asked]), pa.float64()),
        "min": pa.array(np.where(some, of, np.inf).min(axis=2, initial=np.inf).ravel(), mask=none),
        "max": pa.array(np.where(some, of, -np.inf).max(axis=2, initial=-np.inf).ravel(), mask=none),
        "sd": known(_deviation(of, some).ravel()),
        "stable": pa.array(~flips.any(axis=2).ravel(), mask=none | ~called.ravel()),
    }
    return pa.StructArray.from_arrays(
        [fields[field.name] for field in CLIP_SPREAD],
        fields=list(CLIP_SPREAD),
        mask=pa.array((clips.turns == 0).ravel()),
    )


def _deviation(of: NDArray[np.float64], some: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Standard deviation (n - 1) of the known along the last axis; NaN of fewer than two.

    >>> _deviation(np.array([[1.0, 3.0, np.nan]]), np.array([[True, True, False]])).round(4).tolist()
    [1.4142]
    """
    count = some.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = _sums(np.where(some, of, 0)) / count
        squares = _sums(np.where(some, np.square(of - middle[..., None]), 0))
        return np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)


def _sums(of: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums along the last axis, term by term: the same bits whatever number of empty terms follows."""
    total = np.zeros(of.shape[:-1])
    for turn in range(of.shape[-1]):
        total += of[..., turn]
    return total
