"""A drawn table of encoded studies: rows without an archive, for what reads encodings alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from echoprime.bundle import Bundle
from echoprime.storage import Location, canonical_hash
from echoprime.tables import ENCODINGS, StudyTable


def write_encodings(
    place: Path | Location,
    bundle: Bundle,
    studies: int,
    *,
    seed: int = 0,
    rows_a_commit: int = 50,
    **columns: Any,
) -> StudyTable:
    """Studies `s-0000`, ... of 1 to 4 videos; every patient comes twice.

    Parameters
    ----------
    place
        The table's folder, or its place in a bucket.
    bundle
        Whose embedding space and views.
    studies
        How many.
    seed
        Of the embeddings.
    rows_a_commit
        The table's files hold so many rows; the studies come in a shuffled order.
    columns
        For every row instead of what is drawn, such as `status`.
    """
    rng = np.random.default_rng(seed)
    identity = {"encoding_id": "drawn", "embedding_space": bundle.embedding_space}
    table = StudyTable.open(Location.parse(place), ENCODINGS, identity=identity)
    rows = [{**drawn_row(number, rng, bundle), **columns} for number in range(studies)]
    order = rng.permutation(studies).tolist()
    schema = pa.schema([column for column in ENCODINGS if column.name != "written_at"])
    for first in range(0, studies, rows_a_commit):
        table.append(
            pa.Table.from_pylist([rows[each] for each in order[first : first + rows_a_commit]], schema)
        )
    return table


def drawn_row(number: int, rng: np.random.Generator, bundle: Bundle) -> dict[str, Any]:
    """One row of an encodings table."""
    videos = int(rng.integers(1, 5))
    views = rng.integers(0, len(bundle.views), videos).tolist()
    return {
        "study_id": f"s-{number:04d}",
        "study_key": canonical_hash(number),
        "patient_id": f"p-{number - number % 2:04d}",
        "study_kind": "unknown",
        "status": "complete",
        "videos": [
            {
                "path": f"s-{number:04d}/{place}.dcm",
                "size": 1000 + place,
                "token": "t",
                "outcome": "encoded",
                "reason": "",
                "message": "",
                "embedding": place,
                "view": bundle.views[view],
            }
            for place, view in enumerate(views)
        ],
        "embeddings": list(rng.standard_normal((videos, 512)).astype(np.float32)),
        "view_probabilities": np.eye(len(bundle.views), dtype=np.float32)[views].tolist(),
        "encoding_id": "drawn",
        "run_id": "drawn",
    }
