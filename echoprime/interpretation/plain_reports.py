"""Reports of plain candidate files: text, or phrases by the numbers of a lexicon."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoprime.bundle import Lexicon
from echoprime.errors import SettingError
from echoprime.interpretation.plain_candidates import PHRASES, TEXT
from echoprime.interpretation.plain_columns import require_readable

Coded = list[tuple[int, int, str | None]]
"""A report: (section, phrase, value) each, value None = unknown."""


def texts_of(rows: pa.RecordBatch, first: int) -> list[str | None]:
    """The column report, None = no report.

    Parameters
    ----------
    rows
        Text.
    first
        Number of the first row, for messages.

    Raises
    ------
    SettingError
        Another type, or no UTF-8.
    """
    column = rows.column(TEXT)
    if not (_is_text(column.type) or pa.types.is_null(column.type)):
        raise SettingError(f"column {TEXT}: {column.type}; must be text")
    require_readable(column, TEXT, first)
    texts: list[str | None] = column.to_pylist()
    return texts


def phrases_of(rows: pa.RecordBatch, lexicon: Lexicon, first: int) -> list[Coded]:
    """The column phrases, its numbers among those of the lexicon.

    Parameters
    ----------
    rows
        Lists of section, phrase (whole numbers), value (text), as exported.
    lexicon
        What the numbers mean.
    first
        Number of the first row, for messages.

    Raises
    ------
    SettingError
        Another type, or a number that the lexicon does not have, naming its row.
    """
    column = rows.column(PHRASES)
    if not _is_coded(column.type):
        raise SettingError(
            f"column {PHRASES}: {column.type}; must be lists of section, phrase (whole numbers) and value "
            "(text), as exported"
        )
    require_readable(column, PHRASES, first)
    _require_known(column, lexicon, first)
    return [
        [(each["section"], each["phrase"], each["value"]) for each in report or ()]
        for report in column.to_pylist()
    ]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_coded(kind: pa.DataType) -> bool:
    """By what each level must be, so that a type which is no plain value passes nowhere."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(
        kind.value_type
    ):
        return False
    fields = {field.name: field.type for field in kind.value_type}
    return (
        sorted(fields) == ["phrase", "section", "value"]
        and kind.value_type.num_fields == len(fields)
        and bool(pa.types.is_integer(fields["section"]) and pa.types.is_integer(fields["phrase"]))
        and (_is_text(fields["value"]) or bool(pa.types.is_null(fields["value"])))
    )


def _require_known(column: pa.Array, lexicon: Lexicon, first: int) -> None:
    phrases = column.flatten()
    if not len(phrases):
        return
    # missing numbers, and those that int64 cannot hold, are no lexicon's
    sections, numbers = (
        np.asarray(pc.fill_null(pc.struct_field(phrases, name).cast(pa.int64(), safe=False), -1))
        for name in ("section", "phrase")
    )
    sizes = np.array([len(each) for each in lexicon.phrases])
    known = (sections >= 0) & (sections < len(sizes))
    good = known & (numbers >= 0) & (numbers < sizes[np.where(known, sections, 0)])
    if not good.all():
        owner = np.asarray(pc.list_parent_indices(column))[np.flatnonzero(~good)[0]]
        raise SettingError(
            f"column {PHRASES}: row {first + int(owner):,} has a section or phrase that the lexicon lacks; "
            "export the set again, or give the reports as text in a column report"
        )
