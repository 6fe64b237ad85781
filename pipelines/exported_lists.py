"""Nested columns of an interpretation as plain rows, for `echoprime export`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from echoprime.tables.schema import CONTRADICTION, GRADES, SENTENCE, SEVERITY

COLUMNS = ["study_id", "study_key", "sections", "severity", "contradictions"]
"""Read of an interpretation."""


def sentences(batch: pa.RecordBatch) -> pa.RecordBatch:
    """One row a sentence of the report: its study, section, candidate, and who else says it."""
    sections = batch["sections"].flatten()
    study = pc.list_parent_indices(batch["sections"])
    lists = sections.field("sentences")
    section, said = pc.list_parent_indices(lists), lists.flatten()
    of_section = {name: sections.field(name).take(section) for name in _OF_SECTION}
    columns = {**of_section, **{field.name: said.field(field.name) for field in SENTENCE}}
    return _rows(batch, study.take(section), columns)


def severity(batch: pa.RecordBatch) -> pa.RecordBatch:
    """One row a structure: grade, mean, and a column `share_<grade>` for each grade."""
    found = batch["severity"].flatten()
    columns = {field.name: found.field(field.name) for field in SEVERITY if field.name != "probabilities"}
    shares = found.field("probabilities")
    for number, grade in enumerate(GRADES):
        columns[f"share_{grade.replace(' ', '_')}"] = pc.list_element(shares, number)
    return _rows(batch, pc.list_parent_indices(batch["severity"]), columns)


def contradictions(batch: pa.RecordBatch) -> pa.RecordBatch:
    """One row a contradiction."""
    found = batch["contradictions"].flatten()
    columns = {field.name: found.field(field.name) for field in CONTRADICTION}
    return _rows(batch, pc.list_parent_indices(batch["contradictions"]), columns)


LISTS: dict[str, Callable[[pa.RecordBatch], pa.RecordBatch]] = {
    "sentences": sentences,
    "severity": severity,
    "contradictions": contradictions,
}
"""What the file is called -> its rows."""

_OF_SECTION = ("section", "report_row", "report_similarity", "describing")


def _rows(batch: pa.RecordBatch, study: Any, columns: dict[str, Any]) -> pa.RecordBatch:  # noqa: ANN401
    keys = {name: batch[name].take(study) for name in ("study_id", "study_key")}
    together = {**keys, **columns}
    return pa.RecordBatch.from_arrays(list(together.values()), names=list(together))
