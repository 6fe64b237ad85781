"""A candidate set out of plain files of the user's own: Parquet, and .npy where embeddings lie apart."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from echoprime.bundle import Bundle, Phenotype
from echoprime.errors import SettingError
from echoprime.interpretation.finished_set import bring, require_nothing_there, write_summary
from echoprime.interpretation.plain_candidates import EMBEDDING, PATIENT, PHRASES, STUDY, TEXT
from echoprime.interpretation.plain_columns import embeddings_of, labels_of, names_of
from echoprime.interpretation.plain_facts import (
    SaidFile,
    joined_notice,
    require_alike,
    require_whole,
    said_by,
)
from echoprime.interpretation.plain_reports import Coded, phrases_of, texts_of
from echoprime.interpretation.recognition import PhraseRecogniser
from echoprime.retrieval import CandidateFiles, CandidateWriter
from echoprime.retrieval.spaces import require_same_space
from echoprime.storage import Location
from echoprime.tables import EMBEDDING_LENGTH
from echoprime.tables.files import group_batches

ROWS_AT_ONCE = 2_048
ROWS_PER_FILE = 160_000


@dataclass(frozen=True, kw_only=True)
class PlainSources:
    """What a set is imported from.

    Attributes
    ----------
    rows
        A Parquet file, or a folder of them, taken by name: study_id; embedding, unless `embeddings` is given;
        patient_id, a column for each phenotype that is known, report (text), or phrases as exported.
    bundle
        Whose phenotypes and lexicon are used.
    embeddings
        .npy, float32 (rows, 512), in the order of the rows.
    embedding_space
        What the embeddings can be compared with; None = what the files say of their own column.
    language
        Of the reports.
    """

    rows: Location
    bundle: Bundle
    embeddings: Location | None = None
    embedding_space: str | None = None
    language: str = "en"


@dataclass
class _Import:
    sources: PlainSources
    files: list[Location]
    columns: list[str]
    said: list[SaidFile]
    count: int
    counts: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)

    @property
    def phenotypes(self) -> tuple[Phenotype, ...]:
        return self.sources.bundle.phenotypes


def import_candidates(sources: PlainSources, target: Location) -> CandidateFiles:
    """Write a candidate set, whole or not at all.

    Parameters
    ----------
    sources
        See there.
    target
        Folder or prefix that holds nothing yet.

    Raises
    ------
    UserError
        A file is missing, lacks a column, or has a value that cannot be; or something is in the way.
    """
    require_nothing_there(target)
    opened = _opened(sources)
    space = _space(opened)
    with tempfile.TemporaryDirectory(prefix="echoprime-candidates-") as folder:
        scratch = Path(folder)
        finished = scratch / "set"
        _write(opened, finished, space, _matrix(opened, scratch))
        bring(finished, target)
    return CandidateFiles.open(target)


def _space(opened: _Import) -> str:
    """What the embeddings can be compared with; of those in a .npy file the rows' files say nothing."""
    sources = opened.sources
    said = None if sources.embeddings else opened.said[0].said.get("embedding_space")
    given = sources.embedding_space
    if given and isinstance(said, str) and given != said:
        raise SettingError(
            f"--embedding-space {given!r}: the files say {said!r} of their embeddings; leave it out, or give "
            "the embeddings of the other encoder"
        )
    space = given or said
    if not isinstance(space, str) or not space:
        raise SettingError(
            f"{sources.rows}: does not say which encoder made the embeddings; give --embedding-space "
            f"(the bundle's own is {sources.bundle.embedding_space!r})"
        )
    if sources.bundle.encodes:
        require_same_space(
            "the candidates are",
            space,
            f"what bundle {sources.bundle.name!r} encodes is",
            sources.bundle.embedding_space,
            "give the bundle whose encoder made them",
        )
    return space


def _opened(sources: PlainSources) -> _Import:
    """What the files' footers say, the same for all."""
    sources.rows.require_reachable("--rows", SettingError, must_exist=True)
    names = [name for name in sources.rows.names() if name.endswith(".parquet")]
    files = [sources.rows / name for name in names] if sources.rows.is_dir() else [sources.rows]
    if not files:
        raise SettingError(f"{sources.rows}: no .parquet file in it")
    columns, said = [], []
    for file in files:
        try:
            with pq.ParquetFile(file.path, filesystem=file.arrow_filesystem) as opened:
                footer = opened.metadata
                said.append(SaidFile(file.name, footer.num_rows, said_by(footer.metadata)))
                columns.append(opened.schema_arrow.names)
        except (OSError, pa.ArrowException):
            raise SettingError(f"{file}: no Parquet file, or a damaged one; write it again") from None
    if any(names != columns[0] for names in columns):
        raise SettingError(f"{sources.rows}: its files have different columns; write them alike")
    twice = [name for name, times in Counter(columns[0]).items() if times > 1]
    if twice:
        raise SettingError(f"{sources.rows}: column {twice[0]} stands in it twice; write one of them")
    require_alike(said)
    require_whole(said)
    count = sum(each.rows for each in said)
    found = _Import(sources, files, columns[0], said, count)
    wanted = [STUDY] if sources.embeddings else [STUDY, EMBEDDING]
    missing = [name for name in wanted if name not in found.columns]
    if missing:
        raise SettingError(f"{sources.rows}: no column {' or '.join(missing)}; it needs {', '.join(wanted)}")
    if not count:
        raise SettingError(f"{sources.rows}: no row in it")
    return found


def _matrix(opened: _Import, scratch: Path) -> NDArray[np.float32] | None:
    """The .npy file's rows, memory-mapped; None where the rows bring their own."""
    place = opened.sources.embeddings
    if place is None:
        return None
    place.require_reachable("--embeddings", SettingError, must_exist=True)
    path = Path(place.path)
    try:
        if not place.is_local:
            path = scratch / "embeddings.npy"
            with place.open("rb") as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        matrix: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise SettingError(f"{place}: no .npy file of plain numbers; write it by numpy.save") from None
    if matrix.dtype != np.float32 or matrix.shape != (opened.count, EMBEDDING_LENGTH):
        raise SettingError(
            f"{place}: {matrix.dtype} {matrix.shape}; must be float32 ({opened.count}, {EMBEDDING_LENGTH}), "
            f"a row for each of {opened.sources.rows}"
        )
    return matrix


def _write(opened: _Import, folder: Path, space: str, matrix: NDArray[np.float32] | None) -> None:
    sources = opened.sources
    names = [each.name for each in opened.phenotypes]
    writer = CandidateWriter(
        folder,
        rows=opened.count,
        labels=names,
        embedding_space=space,
        files=-(-opened.count // ROWS_PER_FILE),
        dimension=EMBEDDING_LENGTH,
    )
    lexicon = sources.bundle.lexicon(sources.language)
    recogniser = PhraseRecogniser(lexicon)
    coded = _coded(opened)
    for rows in _batches(opened, names, coded):
        first = writer.written
        vectors = embeddings_of(rows, first) if matrix is None else matrix[first : first + rows.num_rows]
        labels = labels_of(rows, opened.phenotypes)
        patients = names_of(rows, PATIENT, first) if PATIENT in rows.schema.names else [""] * rows.num_rows
        if coded:
            reports = phrases_of(rows, lexicon, first)
            opened.counts["candidates_with_report"] += sum(map(bool, reports))
        else:
            reports = _recognised(rows, recogniser, first, opened.counts)
        writer.append(np.ascontiguousarray(vectors), names_of(rows, STUDY, first), labels, reports, patients)
        opened.counts["candidates_of_unknown_patient"] += patients.count("")
        opened.known.update(dict(zip(names, (~np.isnan(labels)).sum(axis=0).tolist(), strict=True)))
    writer.close()
    write_summary(folder, opened.count, _facts(opened, space))


def _coded(opened: _Import) -> bool:
    """Whether reports are taken as codes: their lexicon must be the bundle's, to the byte."""
    if PHRASES not in opened.columns:
        return False
    sources = opened.sources
    entry = sources.bundle.files[f"lexicon/{sources.language}.json"]
    if opened.said[0].said.get("lexicon") == {"language": sources.language, "sha256": entry.sha256}:
        return True
    if TEXT in opened.columns:
        return False
    raise SettingError(
        f"{sources.rows}: its phrases are coded by another lexicon than bundle {sources.bundle.name!r} has, "
        "or do not say by which; give the reports as text in a column report"
    )


def _batches(opened: _Import, names: Sequence[str], coded: bool) -> Iterator[pa.RecordBatch]:
    wanted = {STUDY, PATIENT, *names, PHRASES if coded else TEXT}
    wanted |= set() if opened.sources.embeddings else {EMBEDDING}
    columns = [name for name in opened.columns if name in wanted]
    for place in opened.files:
        with pq.ParquetFile(place.path, filesystem=place.arrow_filesystem) as file:
            yield from group_batches(file, ROWS_AT_ONCE, columns)


def _recognised(
    rows: pa.RecordBatch, recogniser: PhraseRecogniser, first: int, counts: Counter[str]
) -> list[Coded]:
    found = []
    for text in texts_of(rows, first) if TEXT in rows.schema.names else [None] * rows.num_rows:
        recognised = recogniser.recognise(text or "")
        found.append(list(recognised.report))
        counts["candidates_with_report"] += bool(text)
        counts["phrases_recognised"] += len(recognised.report)
        counts["phrases_with_several_values"] += recognised.several_values
        counts["sentences_unrecognised"] += len(recognised.unrecognised)
    return found


def _facts(opened: _Import, space: str) -> dict[str, Any]:
    sources = opened.sources
    language = sources.language
    used = {STUDY, PATIENT, EMBEDDING, TEXT, PHRASES, *(each.name for each in opened.phenotypes)}
    return {
        "embedding_space": space,
        "encoding_id": None,
        "notice": joined_notice([*(each.said.get("notice") for each in opened.said), sources.bundle.notice]),
        "lexicon": {
            "language": language,
            "sha256": sources.bundle.files[f"lexicon/{language}.json"].sha256,
        },
        "sources": {"rows": {"rows": opened.count}},
        "labels_ignored_columns": [name for name in opened.columns if name not in used],
        "counts": dict(sorted(opened.counts.items())),
        "labels": {
            each.name: {
                "table": opened.known[each.name],
                "report": 0,
                "unknown": opened.count - opened.known[each.name],
            }
            for each in opened.phenotypes
        },
    }
