"""A candidate set of one's own: encoded studies with their reports and labels.

Embeddings go to a scratch file as they lie in the table, reports and labels are joined by DuckDB; the set is
then written in the order of the studies' ids, so that the same studies give the same files.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.archive.sorting import batches, connect
from echoprime.bundle import Bundle, Lexicon
from echoprime.errors import SettingError
from echoprime.interpretation.finished_set import bring, require_nothing_there, write_summary
from echoprime.interpretation.labels import LabelReader
from echoprime.interpretation.lexicon import decode_report
from echoprime.interpretation.recognition import PhraseRecogniser
from echoprime.interpretation.study_tables import StudyTable as Known
from echoprime.interpretation.study_tables import read_label_table, read_report_table
from echoprime.interpretation.unrecognised import UnrecognisedSentences
from echoprime.retrieval import CandidateFiles, CandidateWriter
from echoprime.retrieval.encoded_studies import EncodedStudies, read_encoded_studies
from echoprime.retrieval.spaces import require_same_space
from echoprime.storage import Location
from echoprime.tables import EMBEDDING_LENGTH, INTERPRETABLE, StudyTable, newest_rows

ROWS_AT_ONCE = 2_048
ROWS_PER_FILE = 160_000
"""As a release's: a file's reports are held in memory while it is written."""

UNRECOGNISED = "unrecognised.csv"

SOURCES_LANGUAGE = "en"
"""Of a bundle's label sources."""


@dataclass(frozen=True, kw_only=True)
class CandidateSources:
    """What a set is built of.

    Attributes
    ----------
    encodings
        The encodings table.
    bundle
        Whose lexicon, phenotypes and label sources are used.
    reports, labels
        CSVs, see `read_report_table` and `read_label_table`; one of them at least.
    language
        Of the reports.
    read_labels
        Labels that `labels` lacks are read out of the report: its text, or, in another language than that of
        the label sources, its recognised phrases in their language; without any they are unknown.
    """

    encodings: StudyTable
    bundle: Bundle
    reports: Location | None
    labels: Location | None
    language: str = "en"
    read_labels: bool = True


@dataclass
class _Build:
    sources: CandidateSources
    scratch: Path
    connection: duckdb.DuckDBPyConnection
    reports: Known | None
    labels: Known | None
    counts: Counter[str] = field(default_factory=Counter)
    label_counts: dict[str, Counter[str]] = field(default_factory=dict)


def build_candidates(sources: CandidateSources, target: Location) -> CandidateFiles:
    """Write a candidate set, whole or not at all.

    Parameters
    ----------
    sources
        See there.
    target
        Folder or prefix that holds nothing yet.

    Returns
    -------
    CandidateFiles
        Opened from where it lies; its `summary` has the counts.

    Raises
    ------
    UserError
        A CSV is not as it should be, names none of the encoded studies, the bundle has another encoder than
        encoded them, or something is in the way.
    """
    require_nothing_there(target)
    if sources.bundle.encodes:
        require_same_space(
            "the encodings are",
            str(sources.encodings.identity["embedding_space"]),
            f"what bundle {sources.bundle.name!r} encodes is",
            sources.bundle.embedding_space,
            "give the bundle that encoded them",
        )
    if sources.reports is None and sources.labels is None:
        raise SettingError("candidates need --reports, --labels, or both: a study alone says nothing")
    with tempfile.TemporaryDirectory(prefix="echoprime-candidates-") as folder:
        scratch = Path(folder)
        connection = connect(scratch)
        try:
            build = _opened(sources, scratch, connection)
            finished = scratch / "set"
            _write(build, finished)
        finally:
            connection.close()
        bring(finished, target)
    return CandidateFiles.open(target)


def _opened(sources: CandidateSources, scratch: Path, connection: duckdb.DuckDBPyConnection) -> _Build:
    reports, labels, phenotypes = None, None, sources.bundle.phenotypes
    if sources.reports is not None:
        reports = read_report_table(connection, sources.reports, scratch)
    if sources.labels is not None:
        labels = read_label_table(connection, sources.labels, scratch, phenotypes)
    build = _Build(sources, scratch, connection, reports, labels)
    build.label_counts = {each.name: Counter() for each in phenotypes}
    return build


def _write(build: _Build, folder: Path) -> None:
    sources = build.sources
    translated = _sources_lexicon(sources)
    chosen = _chosen(build)
    encoded = _embeddings(build, chosen)
    patients, kept = encoded.patients, encoded.kept
    names = [each.name for each in sources.bundle.phenotypes]
    writer = CandidateWriter(
        folder,
        rows=len(kept),
        labels=names,
        embedding_space=str(sources.encodings.identity["embedding_space"]),
        files=max(1, -(-len(kept) // ROWS_PER_FILE)),
        dimension=EMBEDDING_LENGTH,
    )
    studies = chosen["study_id"].take(pa.array(kept))
    recogniser = PhraseRecogniser(sources.bundle.lexicon(sources.language))
    reader = LabelReader(sources.bundle.label_sources() if sources.read_labels else {}, names)
    with UnrecognisedSentences(build.scratch) as unrecognised:
        for rows in _joined(build, studies):
            here = kept[writer.written : writer.written + rows.num_rows]
            reports, texts = [], []
            for text in rows["report"].to_pylist():
                found = recogniser.recognise(text or "")
                reports.append(found.report)
                texts.append(_label_text(text or "", found.report, translated))
                build.counts["candidates_with_report"] += bool(text)
                build.counts["phrases_recognised"] += len(found.report)
                build.counts["phrases_with_several_values"] += found.several_values
                build.counts["sentences_unrecognised"] += unrecognised.add(found.unrecognised)
            writer.append(
                np.ascontiguousarray(encoded.embeddings[here]),
                rows["study_id"].to_pylist(),
                _labels(build, rows, texts, reader, names),
                reports,
                [patients[place] for place in here.tolist()],
            )
        unrecognised.write_csv(build.connection, folder / UNRECOGNISED)
    writer.close()
    build.counts["candidates_of_unknown_patient"] = sum(not patients[place] for place in kept.tolist())
    _write_summary(build, folder, len(kept))


def _sources_lexicon(sources: CandidateSources) -> Lexicon | None:
    """What reports' phrases are read in for labels; None = their own words are read."""
    if sources.reports is None or not sources.read_labels or sources.language == SOURCES_LANGUAGE:
        return None
    return sources.bundle.lexicon(SOURCES_LANGUAGE)


def _label_text(text: str, report: Sequence[tuple[int, int, str | None]], translated: Lexicon | None) -> str:
    """What labels of one report are read out of; "" = nothing is known."""
    if translated is None or not report:
        return text if translated is None else ""
    return decode_report(translated, report)


def _chosen(build: _Build) -> pa.Table:
    """Keys of the encoded studies that the CSVs name, sorted by `study_id`."""
    keys = newest_rows(build.sources.encodings.keys())
    whole = keys.filter(pc.is_in(keys["status"], pa.array(INTERPRETABLE)))
    build.counts["studies_encoded"] = len(keys)
    build.counts["left_out_incomplete"] = len(keys) - len(whole)
    ids = whole["study_id"]
    build.connection.register("encoded", pa.table({"study_id": ids, "place": np.arange(len(whole))}))
    known = [each.table for each in (build.reports, build.labels) if each is not None]
    union = " UNION ".join(f"SELECT study_id FROM {table}" for table in known)
    query = f"SELECT place FROM encoded WHERE study_id IN ({union}) ORDER BY place"
    places = build.connection.execute(query).fetchnumpy()["place"]
    build.connection.register("in_table", keys.select(["study_id"]))
    for name, table in (("reports", build.reports), ("labels", build.labels)):
        if table is not None:
            query = f"SELECT count(*) FROM {table.table} ANTI JOIN in_table USING (study_id)"
            build.counts[f"{name}_rows"] = table.rows
            build.counts[f"{name}_of_studies_not_encoded"] = int(
                build.connection.execute(query).fetchall()[0][0]
            )
    if not len(places):
        given = " and ".join(
            str(each) for each in (build.sources.reports, build.sources.labels) if each is not None
        )
        raise SettingError(
            f"{given}: none of its studies is among the {len(whole):,} encoded ones of "
            f"{build.sources.encodings.location}; study_id must be written as there"
        )
    build.counts["left_out_without_report_or_label"] = len(whole) - len(places)
    return whole.take(pa.array(places))


def _embeddings(build: _Build, chosen: pa.Table) -> EncodedStudies:
    """The chosen studies' embeddings and patients."""
    found = read_encoded_studies(build.sources.encodings, chosen, build.scratch)
    build.counts["left_out_without_embedding"] = len(chosen) - len(found.kept)
    if not len(found.kept):
        raise SettingError("none of the studies has an encoded video; a candidate needs one")
    return found


def _joined(build: _Build, studies: pa.ChunkedArray) -> Any:  # noqa: ANN401  # an iterator of pyarrow tables
    """study_id, report and labels of each candidate, in order."""
    build.connection.register("numbered", pa.table({"study_id": studies, "number": np.arange(len(studies))}))
    columns, joins = ["n.study_id"], ""
    columns.append("r.report" if build.reports else "NULL::VARCHAR AS report")
    if build.reports:
        joins += f" LEFT JOIN {build.reports.table} r USING (study_id)"
    if build.labels:
        columns += [f'l."{name}"' for name in build.labels.columns]
        joins += f" LEFT JOIN {build.labels.table} l USING (study_id)"
    query = f"SELECT {', '.join(columns)} FROM numbered n{joins} ORDER BY n.number"
    return batches(build.connection, query, ROWS_AT_ONCE)


def _labels(
    build: _Build, rows: pa.Table, texts: list[str], reader: LabelReader, names: list[str]
) -> NDArray[np.float64]:
    """float64 (rows, names): the table's, else what the report's text says; NaN = unknown."""
    labels = np.full((rows.num_rows, len(names)), np.nan)
    for name in build.labels.columns if build.labels else ():
        labels[:, names.index(name)] = rows[name].to_numpy()
    given = ~np.isnan(labels)
    for row, text in enumerate(texts):
        if text:
            labels[row] = np.where(given[row], labels[row], reader.read(text))
    for column, name in enumerate(names):
        known, table = int((~np.isnan(labels[:, column])).sum()), int(given[:, column].sum())
        build.label_counts[name].update(table=table, report=known - table, unknown=len(labels) - known)
    return labels


def _write_summary(build: _Build, folder: Path, rows: int) -> None:
    sources, bundle = build.sources, build.sources.bundle
    facts: dict[str, Any] = {
        "embedding_space": sources.encodings.identity["embedding_space"],
        "encoding_id": sources.encodings.identity["encoding_id"],
        "notice": bundle.notice,
        "lexicon": {
            "language": sources.language,
            "sha256": bundle.files[f"lexicon/{sources.language}.json"].sha256,
        },
        "sources": {
            name: None if table is None else {"rows": table.rows, "sha256": table.sha256}
            for name, table in (("reports", build.reports), ("labels", build.labels))
        },
        "labels_ignored_columns": list(build.labels.ignored) if build.labels else [],
        "counts": dict(sorted(build.counts.items())),
        "labels": {name: dict(counts) for name, counts in build.label_counts.items()},
    }
    write_summary(folder, rows, facts, beside=(UNRECOGNISED,))
