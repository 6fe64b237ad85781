"""The evidence of every phenotype as flat columns: what NAME-phenotypes.csv holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoprime.tables import StudyTable
from echoprime.tables.schema import PHENOTYPE

KEYS = ("study_id", "study_key")
NESTED = ("videos", "views")

EVIDENCE = pa.schema(
    [
        *[pa.field(name, pa.string()) for name in KEYS],
        *[field for field in PHENOTYPE if field.name not in NESTED],
        # one an encoded video, parted by ";"
        *[pa.field(name, pa.string()) for name in ("video_shares", "values_without_video")],
        # VIEW=number, parted by ";"
        *[pa.field(name, pa.string()) for name in ("view_shares", "values_without_view")],
        pa.field("notice", pa.string()),
    ]
)
"""One row a study and phenotype."""


def phenotype_rows(table: StudyTable) -> Iterator[pa.RecordBatch]:
    """The newest row of every study, a row for each phenotype; columns `EVIDENCE`."""
    for batch in table.newest_batches([*KEYS, "phenotypes", "notice"]):
        study = pc.list_parent_indices(batch["phenotypes"])
        found = batch["phenotypes"].flatten()
        columns = {name: batch[name].take(study) for name in (*KEYS, "notice")}
        columns |= {field.name: found.field(field.name) for field in PHENOTYPE}
        for nested, share, without in (
            ("videos", "video_shares", "values_without_video"),
            ("views", "view_shares", "values_without_view"),
        ):
            columns[share] = _joined(columns[nested], "share")
            columns[without] = _joined(columns[nested], "value_without")
        yield pa.RecordBatch.from_arrays([columns[name] for name in EVIDENCE.names], schema=EVIDENCE)


def _joined(column: Any, field: str) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Lists of numbers as one text each; a number that is null is empty, and so is a list without any.

    >>> one = pa.array([[{"view": "A4C", "share": 0.5}, {"view": "SSN", "share": None}], []])
    >>> _joined(one, "share").to_pylist()
    ['A4C=0.5;SSN=', '']
    >>> _joined(pa.array([[{"share": 0.5}, {"share": None}, {"share": 1.0}]]), "share").to_pylist()
    ['0.5;;1']
    """
    values, owner = column.flatten(), pc.list_parent_indices(column)
    numbers = values.field(field)
    words = pc.fill_null(numbers.cast(pa.string()), "")
    if values.type.get_field_index("view") >= 0:
        words = pc.binary_join_element_wise(values.field("view"), words, "=")
    offsets = np.concatenate([[0], np.cumsum(np.asarray(pc.list_value_length(column)))])
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), ";")
    some = np.zeros(len(column), np.bool_)
    some[np.asarray(owner.filter(numbers.is_valid()))] = True
    return pc.if_else(pa.array(some), joined, "")
