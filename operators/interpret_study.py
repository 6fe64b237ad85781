"""InterpretStudies: encoded studies -> phenotypes, report and evidence. Actors on cores.

One stage from row to row: section queries, the search among the shards, the interpretation. Between them lie
megabytes of neighbours a batch, which would only be copied through the object store.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.bundle import Bundle
from echoprime.interpretation import Interpreter
from echoprime.retrieval import CandidateSet
from echoprime.storage import Location
from echoprime.tables import EMBEDDING_LENGTH, ENCODINGS
from echoprime.tables.files import read_rows
from operators.candidate_shard import ShardActors
from operators.search_candidates import search_candidates

COLUMNS = ["study_id", "study_key", "patient_id", "acquired_at", "written_at", "videos", "embeddings"]
"""What is read of an encodings row."""


@dataclass(frozen=True)
class EncodedStudies:
    """Where the rows to interpret lie: a plan whose row groups are the chunks.

    Attributes
    ----------
    table
        The encodings table.
    plan
        Parquet of file, row_group, row_in_group.
    """

    table: Location
    plan: Location

    def chunk(self, number: int) -> pa.Table:
        """The encodings rows of one chunk, columns `COLUMNS`."""
        with pq.ParquetFile(self.plan.path, filesystem=self.plan.arrow_filesystem) as file:
            chosen = file.read_row_group(number)
        # cast: files that a merge has written hold `string_view` where others hold `string`
        schema = pa.schema([ENCODINGS.field(name) for name in COLUMNS])
        return pa.concat_tables(
            rows.select(COLUMNS).cast(schema) for rows in read_rows(self.table, chosen, COLUMNS)
        )


class InterpretStudies:
    """Interprets the chunks whose numbers it is given.

    Parameters
    ----------
    studies
        Where the rows lie.
    bundle
        Section weights, phenotypes, lexicon.
    candidates
        The set that is searched.
    shards
        Actors with its rows.
    k, pairing, language
        See `echoprime.interpretation.Interpreter`.
    """

    def __init__(
        self,
        studies: EncodedStudies,
        bundle: Bundle,
        candidates: CandidateSet,
        shards: ShardActors,
        *,
        k: int,
        pairing: str,
        language: str,
    ) -> None:
        self._studies = studies
        self._shards = shards
        self._interpreter = Interpreter(
            bundle, k=k, pairing=pairing, language=language, candidates=candidates
        )

    def __call__(self, batch: dict[str, np.ndarray]) -> pa.Table:
        """One table with a row a study."""
        studies = pa.concat_tables(self._studies.chunk(int(number)) for number in batch["id"])
        embeddings, views = _encoded(studies, self._interpreter.bundle.views)
        queries = self._interpreter.queries(embeddings, views)
        started = time.perf_counter()
        # A study is no evidence for itself, nor is an earlier one of the same patient.
        arguments = self._interpreter.search_arguments(
            queries,
            exclude_study=studies["study_id"].to_pylist(),
            exclude_patient=[patient or "" for patient in studies["patient_id"].to_pylist()],
        )
        hits = search_candidates(self._shards, **arguments)
        searched = time.perf_counter()
        rows = self._interpreter.interpret(queries, hits)
        done = time.perf_counter()
        for name, column in {
            **{name: studies[name] for name in ("study_id", "study_key", "patient_id", "acquired_at")},
            "encoded_at": studies["written_at"],
            "videos": pc.cast(pc.list_value_length(studies["videos"]), pa.int32()),
            "videos_encoded": pa.array([len(each) for each in views], pa.int32()),
            "candidates_left_out": pa.array(self._interpreter.candidates_left_out(queries, hits)),
            "search_seconds": pa.array(np.full(len(rows), (searched - started) / max(1, len(rows)))),
            "interpret_seconds": pa.array(np.full(len(rows), (done - searched) / max(1, len(rows)))),
        }.items():
            rows = rows.append_column(name, column)
        return rows


def _encoded(studies: pa.Table, view_names: Sequence[str]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Each study's embeddings (videos, 512) and views (videos,), in the order of the videos' paths."""
    column = studies["embeddings"].combine_chunks()
    numbers = np.asarray(column.flatten().flatten()).reshape(-1, EMBEDDING_LENGTH)
    ends = np.cumsum(np.asarray(pc.list_value_length(column)))[:-1]
    view = studies["videos"].combine_chunks().flatten().field("view")
    # Videos that were not encoded have no view; those that were stand in the order of the embeddings.
    views = np.asarray(pc.index_in(view, pa.array(view_names)).drop_null(), np.int64)
    return np.split(numbers, ends), np.split(views, ends)
