"""Columns of plain candidate files as arrays, each value checked: what cannot be is told with its row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.bundle import Phenotype
from echoprime.errors import SettingError
from echoprime.interpretation.plain_candidates import EMBEDDING, STUDY
from echoprime.tables import EMBEDDING_LENGTH


def embeddings_of(rows: pa.RecordBatch, first: int) -> NDArray[np.float32]:
    """The column embedding: float32 (rows, 512).

    Parameters
    ----------
    rows
        A list of 512 float32 each.
    first
        Number of the first row, for messages.

    Raises
    ------
    SettingError
        Another type or length.
    """
    column = rows.column(EMBEDDING)
    kind = column.type
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not listed or kind.value_type != pa.float32():
        raise SettingError(f"column {EMBEDDING}: {kind}; must be lists of float32")
    wrong = pc.fill_null(pc.not_equal(pc.list_value_length(column), EMBEDDING_LENGTH), True)
    if pc.any(wrong).as_py():
        row = first + pc.index(wrong, True).as_py()
        raise SettingError(f"column {EMBEDDING}: row {row:,} has not {EMBEDDING_LENGTH} numbers")
    flat = column.flatten()
    if flat.null_count:
        raise SettingError(
            f"column {EMBEDDING}: numbers are missing in rows {first:,} and on; leave no nulls"
        )
    return np.asarray(flat).reshape(-1, EMBEDDING_LENGTH)


def names_of(rows: pa.RecordBatch, column: str, first: int) -> list[str]:
    """A column of texts or whole numbers; unknown patients are "".

    Raises
    ------
    SettingError
        Another type, or a study without a name.
    """
    found = rows.column(column)
    if not (
        pa.types.is_integer(found.type)
        or pa.types.is_string(found.type)
        or pa.types.is_large_string(found.type)
    ):
        raise SettingError(f"column {column}: {found.type}; must be text or whole numbers")
    require_readable(found, column, first)
    names: list[str] = [name or "" for name in found.cast(pa.string()).to_pylist()]
    if column == STUDY and "" in names:
        raise SettingError(f"column {column}: row {first + names.index(''):,} has none; name every candidate")
    return names


def require_readable(column: pa.Array, name: str, first: int) -> None:
    """Refuse text that is no UTF-8: files may hold any bytes.

    Raises
    ------
    SettingError
        Naming the row that the batch begins with.
    """
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raise SettingError(
            f"column {name}: damaged, or text that is no UTF-8, in rows {first:,} and on; write it again"
        ) from None


def labels_of(rows: pa.RecordBatch, phenotypes: Sequence[Phenotype]) -> NDArray[np.float64]:
    """Labels of the phenotypes: float64 (rows, phenotypes), NaN = unknown or no such column.

    Raises
    ------
    SettingError
        A label that is none: of a binary one neither 0 nor 1, of one in % not from 0 to 100.
    """
    labels = np.full((rows.num_rows, len(phenotypes)), np.nan)
    for place, each in enumerate(phenotypes):
        if each.name not in rows.schema.names:
            continue
        found = rows.column(each.name)
        numeric = pa.types.is_integer(found.type) or pa.types.is_floating(found.type)
        if not (numeric or pa.types.is_boolean(found.type) or pa.types.is_null(found.type)):
            raise SettingError(f"column {each.name}: {found.type}; must be numbers")
        whole = found.cast(pa.int8()) if pa.types.is_boolean(found.type) else found
        # not safe: float64 rounds whole numbers above 2^53
        values = np.array(whole.cast(pa.float64(), safe=False))
        allowed, good = "a number", np.isfinite(values)
        if each.kind == "binary":
            allowed, good = "0 or 1", np.isin(values, (0, 1))
        elif each.unit == "%":
            allowed, good = "a number from 0 to 100", (values >= 0) & (values <= 100)
        wrong = ~(good | np.isnan(values))
        if wrong.any():
            raise SettingError(
                f"column {each.name}: {int(wrong.sum()):,} of its values are not {allowed}; "
                "leave unknown ones empty"
            )
        labels[:, place] = values
    return labels
