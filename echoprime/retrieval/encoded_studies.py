"""Encoded studies as one embedding each: out of the table into a scratch file, in the order asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.retrieval.study_embedding import study_embedding
from echoprime.tables import EMBEDDING_LENGTH, StudyTable
from echoprime.tables.files import read_rows


@dataclass(frozen=True, eq=False)
class EncodedStudies:
    """Study embeddings.

    Attributes
    ----------
    embeddings
        float32 (studies, 512), unit vectors, memory-mapped; a row of a study without one is zero.
    patients
        Of each study; "" = unknown.
    kept
        int64, ascending: places of the studies that have an embedding.
    """

    embeddings: NDArray[np.float32]
    patients: list[str]
    kept: NDArray[np.int64]


def read_encoded_studies(encodings: StudyTable, chosen: pa.Table, scratch: Path) -> EncodedStudies:
    """Embeddings of chosen studies, see `study_embedding`.

    Parameters
    ----------
    encodings
        The table.
    chosen
        Rows of its `keys()`, a study at most once; their order is that of the result.
    scratch
        Folder for the embeddings' file; it has to stay as long as they are used.
    """
    shape = (len(chosen), EMBEDDING_LENGTH)
    found = np.lib.format.open_memmap(scratch / "embeddings.npy", "w+", np.float32, shape)
    good = np.zeros(len(chosen), np.bool_)
    patients = [""] * len(chosen)
    places = {study: place for place, study in enumerate(chosen["study_id"].to_pylist())}
    for rows in read_rows(encodings.location, chosen, ["study_id", "patient_id", "embeddings"]):
        videos = rows["embeddings"].combine_chunks()
        numbers = np.asarray(videos.flatten().flatten()).reshape(-1, EMBEDDING_LENGTH)
        ends = np.cumsum(np.asarray(pc.list_value_length(videos)))
        start = 0
        for study, patient, end in zip(
            rows["study_id"].to_pylist(), rows["patient_id"].to_pylist(), ends.tolist(), strict=True
        ):
            place = places[study]
            vector = study_embedding(numbers[start:end])
            patients[place], start = patient or "", end
            if vector is not None:
                found[place], good[place] = vector, True
    return EncodedStudies(found, patients, np.flatnonzero(good))
