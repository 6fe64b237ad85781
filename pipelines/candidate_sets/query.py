"""What a search is made with: a candidate's own embedding, an encoded study's, or a text's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.bundle import Bundle
from echoprime.errors import BundleError, SettingError, TableError
from echoprime.retrieval import section_queries
from echoprime.retrieval.candidate_rows import candidate_rows
from echoprime.retrieval.spaces import require_same_space
from echoprime.retrieval.study_embedding import study_embedding
from echoprime.storage import Location
from echoprime.tables import EMBEDDING_LENGTH, StudyTable, newest_rows
from echoprime.tables.files import read_rows
from pipelines.candidate_sets.opening import OpenedSet
from pipelines.checks import require_encodings


@dataclass(frozen=True, eq=False)
class Query:
    """A vector, and whose candidates are no neighbours of it: float32 (512,), study, patient ("" = none)."""

    vector: NDArray[np.float32]
    study: str
    patient: str


def query_of_row(opened: OpenedSet, row: int, of_set: str | None = None) -> Query:
    """The embedding of a candidate.

    Parameters
    ----------
    opened
        The set, or stack, that will be searched.
    row
        Of the set.
    of_set
        Which one of a stack; None = the first.

    Raises
    ------
    BundleError
        There is no such row, or its embedding is zero.
    SettingError
        There is no such set.
    """
    origins = opened.candidates.origins
    if of_set is not None and of_set not in origins.names:
        raise SettingError(f"--set {of_set}: no such set; there is {', '.join(origins.names)}")
    place = 0 if of_set is None else origins.names.index(of_set)
    starts = (*origins.starts, opened.candidates.rows)
    rows = starts[place + 1] - starts[place]
    if not 0 <= row < rows:
        raise BundleError(
            f"row {row:,}: the candidate set has rows 0 to {rows - 1:,}"
            + (f" of {origins.names[place]}" if len(origins.names) > 1 else "")
        )
    (found,) = candidate_rows(opened.candidates, [starts[place] + row])
    if not found.embedding.any():
        raise BundleError(
            f"row {row:,}: its embedding is zero, and every candidate as near; take another row"
        )
    return Query(found.embedding, found.study, found.patient)


def query_of_study(opened: OpenedSet, encodings: str, study: str, section: str | None) -> Query:
    """A section's query of an encoded study, or without a section the mean of its videos.

    Parameters
    ----------
    opened
        The set that will be searched.
    encodings
        OUT/encodings.
    study
        study_id.
    section
        Of the bundle's section weights; None = the study's embedding as `candidates build` makes it.

    Raises
    ------
    TableError
        The table is none of encoded studies, or has no such study.
    BundleError
        Its embeddings are of another space.
    SettingError
        The section is none, or not assessable from the study's views.
    """
    table = StudyTable.existing(Location.parse(encodings))
    require_encodings(table)
    require_same_space(
        "the encodings are",
        str(table.identity["embedding_space"]),
        "the candidates are",
        opened.candidates.embedding_space,
        "use candidates of the same encoder",
    )
    keys = newest_rows(table.keys())
    chosen = keys.filter(pc.equal(keys["study_id"], study))
    if not len(chosen):
        raise TableError(f"table {table.location}: no such study among its {len(keys):,}; see --study")
    columns = ["study_id", "patient_id", "videos", "embeddings"]
    (row,) = [row for rows in read_rows(table.location, chosen, columns) for row in rows.to_pylist()]
    embeddings = np.array(row["embeddings"], np.float32).reshape(-1, EMBEDDING_LENGTH)
    views = [each["view"] for each in row["videos"] if each["embedding"] is not None]
    vector = (
        study_embedding(embeddings)
        if section is None
        else _section_vector(_weighted(opened, section), section, embeddings, views)
    )
    if vector is None:
        raise SettingError("the study has no encoded video that counts; take another one")
    return Query(vector, row["study_id"], row["patient_id"] or "")


def query_of_text(opened: OpenedSet, text: str) -> Query:
    """Unit vector of what the bundle's text encoder makes of a text.

    Parameters
    ----------
    opened
        The set that will be searched, with a bundle.
    text
        As in a report; never more than the encoder reads.

    Raises
    ------
    SettingError
        No bundle was named, or the text is empty or too long.
    BundleError
        The bundle has no text encoder, or that is of another space than what is searched.
    """
    bundle = opened.bundle
    if bundle is None:
        raise SettingError("--text: it is read by the bundle's text encoder; give --bundle")
    if not text.strip():
        raise SettingError("--text is empty; say what is looked for, such as 'severe aortic stenosis'")
    require_same_space(
        f"texts by bundle {bundle.name!r} are",
        bundle.embedding_space,
        "what is searched is",
        opened.candidates.embedding_space,
        "give the bundle whose encoder it is of",
    )
    from echoprime.networks import load_text_encoder

    encoder = load_text_encoder(bundle)
    (length,) = encoder.lengths([text])
    if length > encoder.most:
        raise SettingError(
            f"--text: {length:,} tokens, the text encoder reads {encoder.most:,}; make it shorter"
        )
    vector = encoder.embed([text])[0]
    unit: NDArray[np.float32] = vector / np.float32(np.sqrt((vector.astype(np.float64) ** 2).sum()))
    return Query(unit, "", "")


def _weighted(opened: OpenedSet, section: str) -> Bundle:
    if opened.bundle is None:
        raise SettingError("--section: its weights are the bundle's; give --bundle")
    names = opened.bundle.sections.names
    if section not in names:
        raise SettingError(f"--section {section}: no such section; there are {', '.join(names)}")
    return opened.bundle


def _section_vector(
    bundle: Bundle, section: str, embeddings: NDArray[np.float32], views: list[str]
) -> NDArray[np.float32]:
    numbers = np.array([bundle.views.index(view) for view in views], np.int64)
    found = section_queries(embeddings, numbers, bundle.sections.weights)
    place = bundle.sections.names.index(section)
    if not found.assessable[place]:
        raise SettingError(
            f"--section {section}: not assessable from the views in this study; name another, or none"
        )
    vector: NDArray[np.float32] = found.queries[place]
    return vector
