"""InterpretStudies: encoded studies -> phenotypes, report and evidence. Actors on cores.

One stage from row to row: section queries, the search among the shards, the interpretation. Between them lie
megabytes of neighbours a batch, which would only be copied through the object store.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from echoprime.bundle import Bundle
from echoprime.errors import EchoPrimeError, os_reason
from echoprime.interpretation import Interpreter, StudyClips
from echoprime.retrieval import NO_VIEW, Candidates
from echoprime.storage import Location
from echoprime.tables import EMBEDDING_LENGTH, ENCODINGS
from echoprime.tables.files import read_rows
from echoprime.tables.schema import CLIPS
from operators.candidate_shard import ShardActors
from operators.search_candidates import search_candidates
from operators.stop_sign import StopSign

COLUMNS = [
    "study_id", "study_key", "patient_id", "acquired_at", "study_kind", "written_at", "videos", "embeddings",
]  # fmt: skip
"""What is read of an encodings row."""


@dataclass(frozen=True)
class EncodedStudies:
    """Where the rows to interpret lie: a plan whose row groups are the chunks.

    Attributes
    ----------
    table
        The encodings table.
    plan
        Parquet of file, row_group, row_in_group, and given_views: for each encoded video the view that a
        table of the user's says, as in `echoprime.interpretation.MatchedViews`; null = there is no table.
    several_clips
        Whether the table has the clips of which its embeddings are means.
    """

    table: Location
    plan: Location
    several_clips: bool = False

    def chunk(self, number: int) -> pa.Table:
        """The encodings rows of one chunk, columns `COLUMNS`, `clips` where there are, and `given_views`."""
        with pq.ParquetFile(self.plan.path, filesystem=self.plan.arrow_filesystem) as file:
            chosen = file.read_row_group(number)
        # cast: files that a merge has written hold `string_view` where others hold `string`
        fields = [ENCODINGS.field(name) for name in COLUMNS]
        schema = pa.schema([*fields, CLIPS] if self.several_clips else fields)
        found = pa.concat_tables(
            rows.select(schema.names).cast(schema) for rows in read_rows(self.table, chosen, schema.names)
        )
        # The plan has them as they lie, which is how they are read.
        return found.append_column("given_views", chosen["given_views"])


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
    own_similarities
        Of the candidates, as for its `interpret`.
    influence
        Whether each value is looked for without each video and view, too.
    """

    def __init__(
        self,
        studies: EncodedStudies,
        bundle: Bundle,
        candidates: Candidates,
        shards: ShardActors,
        *,
        k: int,
        pairing: str,
        language: str,
        own_similarities: NDArray[np.float64] | None,
        influence: bool,
    ) -> None:
        self._studies = studies
        self._search = partial(search_candidates, shards)
        self._stop = StopSign(studies.plan)
        self._own_similarities = own_similarities
        self._influence = influence
        self._interpreter = Interpreter(
            bundle, k=k, pairing=pairing, language=language, candidates=candidates
        )

    def __call__(self, batch: dict[str, np.ndarray]) -> Iterator[pa.Table]:
        """Yield one table a chunk, with a row a study."""
        for number in batch["id"]:
            if not self._stop.seen():
                yield self._interpreted(self._chunk(int(number)))

    def _chunk(self, number: int) -> pa.Table:
        try:
            return self._studies.chunk(number)
        except OSError as error:
            raise EchoPrimeError(
                f"encoded studies cannot be read any more ({os_reason(error)}); mend it and run the "
                "same command again"
            ) from error

    def _interpreted(self, studies: pa.Table) -> pa.Table:
        names = pa.array(self._interpreter.bundle.views)
        embeddings = _embeddings(studies)
        views, given = _views(studies, names)
        queries = self._interpreter.queries(embeddings, views)
        started = time.perf_counter()
        # A study is no evidence for itself, nor is an earlier one of the same patient.
        excluded = {
            "exclude_study": studies["study_id"].to_pylist(),
            "exclude_patient": [patient or "" for patient in studies["patient_id"].to_pylist()],
        }
        hits = self._search(**self._interpreter.search_arguments(queries, **excluded))
        influence = None
        if self._influence:
            influence = self._interpreter.influence(embeddings, views, self._search, **excluded)
        clips = None
        if self._studies.several_clips:
            of = _clips(studies)
            clips = self._interpreter.clip_values(embeddings, of, views, self._search, **excluded)
        searched = time.perf_counter()
        rows = self._interpreter.interpret(
            queries, hits, own_similarities=self._own_similarities, influence=influence, clips=clips
        )
        done = time.perf_counter()
        for name, column in {
            **{name: studies[name] for name in COLUMNS[:5]},
            "encoded_at": studies["written_at"],
            "videos": pc.cast(pc.list_value_length(studies["videos"]), pa.int32()),
            "videos_encoded": pa.array([len(each) for each in views], pa.int32()),
            "views": _named(views, names),
            "views_given": pa.array(given, pa.int32()),
            "candidates_left_out": pa.array(self._interpreter.candidates_left_out(queries, hits)),
            "search_seconds": pa.array(np.full(len(rows), (searched - started) / max(1, len(rows)))),
            "interpret_seconds": pa.array(np.full(len(rows), (done - searched) / max(1, len(rows)))),
        }.items():
            rows = rows.append_column(name, column)
        return rows


def _embeddings(studies: pa.Table) -> list[np.ndarray]:
    """Each study's embeddings (videos, 512), in the order of the videos' paths."""
    column = studies["embeddings"].combine_chunks()
    numbers = np.asarray(column.flatten().flatten()).reshape(-1, EMBEDDING_LENGTH)
    return np.split(numbers, np.cumsum(np.asarray(pc.list_value_length(column)))[:-1])


def _clips(studies: pa.Table) -> list[StudyClips]:
    """Each study's clips, in the order of the videos' paths and of their starts."""
    column = studies["clips"].combine_chunks()
    of_videos = column.flatten()
    numbers = np.asarray(of_videos.flatten().field("embedding").flatten()).reshape(-1, EMBEDDING_LENGTH)
    counts = np.asarray(pc.list_value_length(of_videos), np.int64)
    videos = np.cumsum(np.asarray(pc.list_value_length(column)))
    clips = np.concatenate([[0], np.cumsum(counts)])[videos]
    parts = zip(np.split(numbers, clips[:-1]), np.split(counts, videos[:-1]), strict=True)
    return [StudyClips(*each) for each in parts]


def _views(studies: pa.Table, names: pa.Array) -> tuple[list[np.ndarray], np.ndarray]:
    """Each study's views (videos,) in the same order, and how many of them a table of the user's says."""
    counts = np.asarray(pc.list_value_length(studies["embeddings"]))
    view = studies["videos"].combine_chunks().flatten().field("view")
    # Videos that were not encoded have no view; those that were stand in the order of the embeddings.
    views = np.array(pc.index_in(view, names).drop_null(), np.int64)
    given = studies["given_views"].combine_chunks()
    number = np.zeros(len(studies), np.int64)
    if given.null_count < len(given):
        if not np.array_equal(np.asarray(pc.list_value_length(given)), counts):
            raise EchoPrimeError("views do not fit the encoded videos: the table was changed; run again")
        said = given.flatten()
        known = np.asarray(said.is_valid())
        views[known] = np.asarray(said.drop_null())
        number = np.bincount(np.repeat(np.arange(len(studies)), counts)[known], minlength=len(studies))
    return np.split(views, np.cumsum(counts)[:-1]), number


def _named(views: Sequence[np.ndarray], names: pa.Array) -> pa.Array:
    """Views by name, a list a study; null for one that no section uses."""
    flat = np.concatenate([np.zeros(0, np.int64), *views])
    offsets = np.cumsum([0, *(len(each) for each in views)])
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), names.take(pa.array(flat, mask=flat == NO_VIEW))
    )
