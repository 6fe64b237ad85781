"""Interpretations tables without Ray: what the job writes, by the library alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.bundle import Bundle
from echoprime.interpretation import Interpreter, StudyClips
from echoprime.retrieval import Candidates, CandidateSet, drawn_rows, own_similarities
from echoprime.storage import Location, canonical_hash
from echoprime.tables import StudyTable, interpretations


def write_interpretations(
    place: Path,
    bundle: Bundle,
    studies: Sequence[tuple[str, NDArray[np.float32], NDArray[np.integer[Any]]]],
    *,
    candidates: Candidates | None = None,
    influence: bool = False,
    clips: Sequence[StudyClips] | None = None,
    **choices: Any,
) -> StudyTable:
    """Interpret studies into a table.

    Parameters
    ----------
    place
        The table's folder.
    bundle
        For the interpreter.
    studies
        (study_id, embeddings, views) each.
    candidates
        Searched instead of the bundle's.
    influence
        Whether values without each video and view are asked for.
    clips
        Of each study, where values by single clips are asked for.
    choices
        Of `Interpreter`: k, pairing, language.
    """
    interpreter = Interpreter(bundle, candidates=candidates, **choices)
    queries = interpreter.queries([each[1] for each in studies], [each[2] for each in studies])
    ids = [each[0] for each in studies]
    searched = candidates or CandidateSet.open(bundle)
    shard = searched.shard()
    hits = shard.search(**interpreter.search_arguments(queries, exclude_study=ids))
    asked = [each[1] for each in studies], [each[2] for each in studies], shard.search, ids
    rows = interpreter.interpret(
        queries,
        hits,
        own_similarities=own_similarities([shard.drawn(drawn_rows(searched.rows))], shard.search),
        influence=interpreter.influence(*asked) if influence else None,
        clips=None if clips is None else interpreter.clip_values(asked[0], clips, *asked[1:]),
    )
    count = len(studies)
    columns = {
        "study_id": pa.array(ids),
        "study_key": pa.array([canonical_hash(number) for number in range(count)]),
        "encoded_at": pa.array([0] * count, pa.timestamp("us", tz="UTC")),
        "study_kind": pa.array(["unknown"] * count),
        "videos": pa.array([len(each[2]) for each in studies], pa.int32()),
        "views": pa.array([[bundle.views[view] for view in each[2]] for each in studies]),
        "views_given": pa.array([0] * count, pa.int32()),
        "videos_encoded": pa.array([len(each[2]) for each in studies], pa.int32()),
        "candidates_left_out": pa.array(interpreter.candidates_left_out(queries, hits)),
        **{name: pa.array(["drawn"] * count) for name in ("interpretation_id", "encoding_id", "run_id")},
    }
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    names = [each.name for each in bundle.phenotypes]
    schema = interpretations(names, [each.name for each in bundle.phenotypes if each.threshold is not None])
    for name in ("patient_id", "acquired_at"):
        rows = rows.append_column(name, pa.nulls(count, schema.field(name).type))
    table = StudyTable.open(Location.parse(place), schema, identity={"encoding_id": "drawn", **choices})
    table.append(rows)
    return table
