"""Which sentences of the reports changed: taken away, added, or the same with another number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

REMOVED, ADDED, NUMBER, REORDERED = "removed", "added", "number", "reordered"
"""Only the first report says it; only the second; both do, with another number; all sentences of a section
are the same in another order."""

CHANGES = pa.schema(
    [
        pa.field("study_id", pa.string()),
        pa.field("section", pa.string()),  # as the first report names it
        pa.field("change", pa.string()),  # removed, added, number or reordered
        pa.field("first", pa.string()),  # the sentence there, or the reordered section; null = added
        pa.field("second", pa.string()),  # null = removed
        pa.field("wording", pa.string()),  # the sentence with # for its numbers
    ]
)
"""Columns of sentences.parquet: one row a changed sentence of a study."""


@dataclass(frozen=True)
class SentenceChange:
    """One sentence that changed; see `CHANGES`."""

    section: str
    change: str
    first: str | None
    second: str | None
    wording: str


def wording(sentence: str) -> str:
    """A sentence with # for its numbers.

    Examples
    --------
    >>> wording("Root of 4.1 cm.")
    'Root of # cm.'
    """
    return re.sub(r"\d+(?:[.,]\d+)*", "#", sentence)


def report_changes(first: str, second: str) -> list[SentenceChange]:
    """Changed sentences of two reports, section by section in their order.

    Parameters
    ----------
    first, second
        Reports as the interpretations table holds them: sections of one order, each closed by [SEP].

    Examples
    --------
    >>> one, two = "Aorta: Root of 4.1 cm. Normal. [SEP]", "Aorta: Root of 3.2 cm. Dilated. [SEP]"
    >>> [(each.change, each.wording) for each in report_changes(one, two)]
    [('number', 'Root of # cm.'), ('removed', 'Normal.'), ('added', 'Dilated.')]
    """
    changes: list[SentenceChange] = []
    for one, two in zip_longest(_sections(first), _sections(second), fillvalue=("", "")):
        if one != two:
            changes += _section_changes(one[0] or two[0], one[1], two[1])
    return changes


def _sections(report: str) -> list[tuple[str, str]]:
    parts = (part.strip() for part in report.split("[SEP]"))
    return [(name.strip(), text.strip()) for name, _, text in (part.partition(":") for part in parts if part)]


@lru_cache(65_536)
def _section_changes(section: str, first: str, second: str) -> tuple[SentenceChange, ...]:
    """Cached: many studies share their nearest candidate."""
    here, there = _sentences(first), _sentences(second)
    one, two = Counter(here), Counter(there)
    if one == two and here != there:
        return (SentenceChange(section, REORDERED, first, second, wording(first)),)
    removed, added = list((one - two).elements()), list((two - one).elements())
    changes = []
    for sentence in removed:
        words = wording(sentence)
        same = next((each for each in added if wording(each) == words), None)
        if same is None:
            changes.append(SentenceChange(section, REMOVED, sentence, None, words))
        else:
            added.remove(same)
            changes.append(SentenceChange(section, NUMBER, sentence, same, words))
    changes += [SentenceChange(section, ADDED, None, each, wording(each)) for each in added]
    return tuple(changes)


def _sentences(text: str) -> list[str]:
    return [each for each in re.split(r"(?<=[.!?])\s+", text) if each]


def write_changes(reports: Iterable[pa.Table], file: Path) -> None:
    """Changed sentences of all studies.

    Parameters
    ----------
    reports
        Tables of study_id, first, second: the studies whose reports differ.
    file
        Parquet with the columns `CHANGES`, in the order of the studies.
    """
    with pq.ParquetWriter(file, CHANGES, compression="zstd") as writer:
        for table in reports:
            rows = list(_rows(table))
            columns = [
                pa.array([row[place] for row in rows], field.type) for place, field in enumerate(CHANGES)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=CHANGES))


def _rows(table: pa.Table) -> Iterator[tuple[str, str, str, str | None, str | None, str]]:
    columns = [table[name].to_pylist() for name in ("study_id", "first", "second")]
    for study, first, second in zip(*columns, strict=True):
        for each in report_changes(first, second):
            yield study, each.section, each.change, each.first, each.second, each.wording
