"""By what an output's files name somebody: ids, keys of studies, paths of videos."""

from __future__ import annotations

import html
import json
import urllib.parse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.storage import Location

STUDY, KEY, PATIENT, PATH = ("study_id", "study"), ("study_key",), ("patient_id", "patient"), ("path",)
"""Columns that name somebody, in our tables and in candidate sets."""

NAMING = (*STUDY, *KEY, *PATIENT, *PATH)

LEAST_WORD = 6
"""Shorter ids are looked for as whole values alone: "2024" stands in every log."""

KEY_SHOWN = 16
"""Characters of a study's key by which pages and their files are named."""


@dataclass(frozen=True)
class Traces:
    """What is looked for.

    Attributes
    ----------
    studies
        study_id of those withdrawn.
    patients
        patient_id of those withdrawn with all their studies.
    keys, paths
        study_key and videos' paths of the studies, of every version that a file still has.

    Examples
    --------
    >>> traces = Traces(frozenset({"echo-0001"}), keys=frozenset({"ab" * 16}))
    >>> traces.in_text("see echo-0001, please"), traces.in_text("echo-00012"), traces.in_text("ab" * 8)
    (True, False, True)
    """

    studies: frozenset[str]
    patients: frozenset[str] = frozenset()
    keys: frozenset[str] = field(default=frozenset(), repr=False)
    paths: frozenset[str] = field(default=frozenset(), repr=False)

    @cached_property
    def values(self) -> pa.Array:
        """Everything that a whole value may be."""
        return pa.array(sorted(self.studies | self.patients | self.keys | self.paths), pa.string())

    def in_column(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which values of a column that names somebody are one of these."""
        return pc.is_in(column.cast(pa.string()), self._of_column[name])

    @cached_property
    def _of_column(self) -> dict[str, pa.Array]:
        return {name: pa.array(sorted(found), pa.string()) for name, found in self._named.items()}

    def is_one(self, name: str, value: str) -> bool:
        """The same for one value."""
        return value in self._named[name]

    @cached_property
    def _named(self) -> dict[str, frozenset[str]]:
        sets = ((STUDY, self.studies), (KEY, self.keys), (PATIENT, self.patients), (PATH, self.paths))
        return {name: found for names, found in sets for name in names}

    @property
    def short(self) -> int:
        """Ids that are looked for as whole values alone."""
        return sum(len(each) < LEAST_WORD for each in self.studies | self.patients)

    def in_text(self, text: str, *, paths: bool = False) -> bool:
        """Whether running text names one of these: an id as a word of its own, or the beginning of a key."""
        if any(key[:KEY_SHOWN] in text for key in self.keys):
            return True
        return any(_has_word(text, word) for word in (self._path_words if paths else self._words))

    @cached_property
    def _words(self) -> list[str]:
        return sorted({way for each in self.studies | self.patients for way in _spellings(each)})

    @cached_property
    def _path_words(self) -> list[str]:
        return sorted({*self._words, *(way for each in self.paths for way in _spellings(each))})


def _spellings(word: str) -> Iterator[str]:
    """As JSON, HTML and addresses spell it."""
    if len(word) >= LEAST_WORD:
        yield from {word, json.dumps(word)[1:-1], html.escape(word), urllib.parse.quote(word)}


def _has_word(text: str, word: str) -> bool:
    begin = text.find(word)
    while begin >= 0:
        end = begin + len(word)
        if not (text[begin - 1 : begin].isalnum() or text[end : end + 1].isalnum()):
            return True
        begin = text.find(word, begin + 1)
    return False


def find_traces(output: Location, studies: Collection[str], patients: Collection[str]) -> Traces:
    """Everything by which the files below an output name some studies, and all studies of some patients.

    Old files of tables are read too: a study's earlier row may have had other videos.
    """
    files = [path for path in output.files() if path.endswith((".parquet", ".arrow"))]
    found = Traces(frozenset(studies), frozenset(patients))
    if patients:
        more: set[str] = set()
        for rows in _rows(output, files, (*STUDY, *PATIENT)):
            _gather(rows, (*PATIENT,), found, STUDY, more)
        found = replace(found, studies=found.studies | more)
    keys: set[str] = set()
    paths: set[str] = set()
    for rows in _rows(output, files, (*STUDY, *KEY, *PATH, "videos")):
        _gather(rows, STUDY, found, KEY, keys)
        _gather(rows, STUDY, found, PATH, paths)
    return replace(found, keys=frozenset(keys), paths=frozenset(paths))


def _gather(
    rows: pa.Table, where: Sequence[str], traces: Traces, what: Sequence[str], found: set[str]
) -> None:
    """Values of some columns, of the rows that others name."""
    for name in set(where) & set(rows.schema.names):
        chosen = rows.filter(traces.in_column(name, rows[name]))
        for wanted in set(what) & set(chosen.schema.names):
            found.update(each for each in chosen[wanted].to_pylist() if each)
        if what == PATH and "videos" in chosen.schema.names:
            found.update(video["path"] for videos in chosen["videos"].to_pylist() for video in videos or ())


def _rows(output: Location, files: Sequence[str], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of every file that has any of them and names studies; of videos the path alone."""
    for path in files:
        place = output / path
        try:
            if path.endswith(".arrow"):
                with place.open("rb") as stream:
                    table = pa.ipc.open_file(stream).read_all()
                yield table.select([name for name in columns if name in table.schema.names])
                continue
            with pq.ParquetFile(place.path, filesystem=place.arrow_filesystem) as file:
                names = file.schema_arrow.names
                if not set(STUDY) & set(names):
                    continue
                wanted = [name for name in columns if name in names and name != "videos"]
                if "videos" in columns:
                    wanted += _path_leaves(file)
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group, columns=wanted, use_threads=False)
        except pa.ArrowInvalid:
            continue  # not what its name says; the search reads its bytes


def _path_leaves(file: pq.ParquetFile) -> list[str]:
    """Where the videos' paths lie; writers call a list's items by several names."""
    leaves = [file.schema.column(number).path for number in range(len(file.schema))]
    return [leaf for leaf in leaves if leaf.startswith("videos.") and leaf.endswith(".path")]
