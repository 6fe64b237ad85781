"""Nested columns of an interpretation as plain rows, for `echoprime export`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoprime.tables import StudyTable
from echoprime.tables.evidence_types import (
    CLIP_SPREAD,
    CONTRADICTION,
    GRADES,
    PHENOTYPE,
    SECTION,
    SENTENCE,
    SEVERITY,
)

KEYS = ("study_id", "study_key")
"""Before the columns of every list; the notice stands behind them."""

SHARES = tuple(f"share_{grade.replace(' ', '_')}" for grade in GRADES)
"""Of `severity`: one a grade."""


@dataclass(frozen=True)
class ExportedList:
    """A nested column, one row an entry.

    Attributes
    ----------
    column
        Of the interpretations table; beside it the studies' keys and the notice are read, nothing else.
    schema
        The rows' columns, whatever the table holds.
    entries
        The column -> the study of each entry (its place in the column), and its fields.
    """

    column: str
    schema: pa.Schema
    entries: Callable[[Any], tuple[Any, dict[str, Any]]]

    def rows(self, table: StudyTable) -> Iterator[pa.RecordBatch]:
        """The newest row of every study, a row for each entry; columns `schema`."""
        for batch in table.newest_batches([*KEYS, self.column, "notice"]):
            study, fields = self.entries(batch[self.column])
            of_study = {name: batch[name].take(study) for name in (*KEYS, "notice")}
            columns = {**of_study, **fields}
            yield pa.RecordBatch.from_arrays(
                [columns[name] for name in self.schema.names], schema=self.schema
            )


def _phenotypes(column: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401  # pyarrow has no types
    fields = _fields(column.flatten(), PHENOTYPE)
    for nested, kind, name in (("videos", "video", None), ("views", "view", "view")):
        fields[f"{kind}_shares"] = _joined(fields[nested], "share", name)
        fields[f"values_without_{kind}"] = _joined(fields[nested], "value_without", name)
    fields["set_neighbours"] = _joined(fields["sets"], "neighbours", "set")
    fields["set_labelled"] = _joined(fields["sets"], "labelled", "set")
    # `StructArray.field` would leave out that the struct itself is null
    by_clip = dict(zip(CLIP_SPREAD.names, fields["clips"].flatten(), strict=True))
    fields |= {f"clip_{name}": column for name, column in by_clip.items()}
    fields["clip_values"] = _numbers(by_clip["values"])
    return pc.list_parent_indices(column), fields


def _severity(column: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
    fields = _fields(column.flatten(), SEVERITY)
    shares = {name: pc.list_element(fields["probabilities"], place) for place, name in enumerate(SHARES)}
    return pc.list_parent_indices(column), fields | shares


def _sentences(column: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
    sections = _fields(column.flatten(), SECTION)
    lists = sections["sentences"]
    section = pc.list_parent_indices(lists)
    of_section = {name: sections[name].take(section) for name in _OF_SECTION}
    return pc.list_parent_indices(column).take(section), of_section | _fields(lists.flatten(), SENTENCE)


def _contradictions(column: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
    return pc.list_parent_indices(column), _fields(column.flatten(), CONTRADICTION)


def _fields(entries: Any, kind: Any) -> dict[str, Any]:  # noqa: ANN401
    return {field.name: entries.field(field.name) for field in kind}


def _numbers(column: Any) -> Any:  # noqa: ANN401
    """Lists of numbers as one text each; a number that is null is empty, and so is a list that is null.

    >>> _numbers(pa.array([[0.5, None], None, []])).to_pylist()
    ['0.5;', '', '']
    """
    return _together(column, pc.fill_null(column.flatten().cast(pa.string()), ""))


def _together(column: Any, words: Any) -> Any:  # noqa: ANN401
    """Each list's words as one text; `words` has one for each of the lists' entries."""
    counts = pc.fill_null(pc.list_value_length(column), 0)
    offsets = np.concatenate([[0], np.cumsum(np.asarray(counts))])
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), ";")


def _joined(column: Any, field: str, name: str | None = None) -> Any:  # noqa: ANN401
    """Lists of numbers, each behind its name, as one text; a number that is null is empty, and so is a list
    without any.

    >>> one = pa.array([[{"view": "A4C", "share": 0.5}, {"view": "SSN", "share": None}], []])
    >>> _joined(one, "share", "view").to_pylist()
    ['A4C=0.5;SSN=', '']
    >>> _joined(pa.array([[{"share": 0.5}, {"share": None}, {"share": 1.0}]]), "share").to_pylist()
    ['0.5;;1']
    """
    values, owner = column.flatten(), pc.list_parent_indices(column)
    numbers = values.field(field)
    words = pc.fill_null(numbers.cast(pa.string()), "")
    if name is not None:
        words = pc.binary_join_element_wise(values.field(name), words, "=")
    joined = _together(column, words)
    some = np.zeros(len(column), np.bool_)
    some[np.asarray(owner.filter(numbers.is_valid()))] = True
    return pc.if_else(pa.array(some), joined, "")


def _schema(*fields: pa.Field) -> pa.Schema:
    keys = [pa.field(name, pa.string()) for name in KEYS]
    return pa.schema([*keys, *fields, pa.field("notice", pa.string())])


def _flat(kind: Any, *nested: str) -> list[pa.Field]:  # noqa: ANN401
    return [field for field in kind if field.name not in nested]


_OF_SECTION = ("section", "report_set", "report_row", "report_similarity", "describing")

LISTS = {
    "phenotypes": ExportedList(
        "phenotypes",
        _schema(
            *_flat(PHENOTYPE, "videos", "views", "clips", "sets"),
            # one an encoded video, parted by ";"; of views VIEW=number, of candidate sets SET=number
            *[
                pa.field(name.format(kind), pa.string())
                for kind in ("video", "view")
                for name in ("{}_shares", "values_without_{}")
            ],
            pa.field("clip_values", pa.string()),  # one a turn, parted by ";"
            *[CLIP_SPREAD.field(name).with_name(f"clip_{name}") for name in ("min", "max", "sd", "stable")],
            pa.field("set_neighbours", pa.string()),
            pa.field("set_labelled", pa.string()),
        ),
        _phenotypes,
    ),
    "severity": ExportedList(
        "severity",
        _schema(*_flat(SEVERITY, "probabilities"), *[pa.field(name, pa.float64()) for name in SHARES]),
        _severity,
    ),
    "sentences": ExportedList(
        "sections", _schema(*[SECTION.field(name) for name in _OF_SECTION], *SENTENCE), _sentences
    ),
    "contradictions": ExportedList("contradictions", _schema(*CONTRADICTION), _contradictions),
}
"""What the file is called -> its rows."""
