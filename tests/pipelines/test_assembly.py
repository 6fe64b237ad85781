"""Parts of studies come in any order, and some come twice; rows come out whole and once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from operators.rows import CLASSIFIED, packed
from pipelines.assembly import StudyAssembler

VIEWS = tuple(f"view-{number}" for number in range(11))
SECONDS = {"read_seconds": 1.0, "encode_seconds": 2.0, "classify_seconds": 0.5}


def row(study: str, part: int, parts: int, first: int, of: int, outcomes: list[bool]) -> pa.Table:
    """One row of the last stage: the numbers of a video tell which it is."""
    videos = [
        {
            "path": f"{part}-{first + number}",
            "outcome": "encoded" if encoded else "failed",
            "reason": "" if encoded else "missing",
        }
        for number, encoded in enumerate(outcomes)
    ]
    which = [100 * part + first + number for number, encoded in enumerate(outcomes) if encoded]
    values = {
        "study_id": study,
        "study_key": study,
        "patient_id": None,
        "acquired_at": None,
        "study_kind": None,
        "part": part,
        "parts": parts,
        "first": first,
        "of": of,
        "videos": videos,
        "views": [number % 11 for number in which],
        **SECONDS,
    }
    arrays = {
        "embeddings": packed([np.repeat(np.float32(which), 512).reshape(-1, 512)]),
        "view_probabilities": packed([np.repeat(np.float32(which), 11).reshape(-1, 11)]),
    }
    return pa.table(
        {
            f.name: arrays[f.name] if f.name in arrays else pa.array([values[f.name]], f.type)
            for f in CLASSIFIED
        }
    )


@st.composite
def studies(draw: st.DrawFn) -> list[pa.Table]:
    rows = []
    for study in range(draw(st.integers(1, 3))):
        parts = draw(st.integers(1, 3))
        for part in range(parts):
            outcomes = draw(st.lists(st.booleans(), min_size=1, max_size=9))
            step = draw(st.integers(1, 4))
            for first in range(0, len(outcomes), step):
                rows.append(
                    row(f"s{study}", part, parts, first, len(outcomes), outcomes[first : first + step])
                )
    again = draw(st.lists(st.sampled_from(rows), max_size=2))
    return draw(st.permutations(rows)) + again


@given(studies())
def test_every_order_gives_the_same_whole_studies(rows: list[pa.Table]) -> None:
    assembler = StudyAssembler(VIEWS, "e", "r")
    seen: dict[str, dict[str, object]] = {}
    for one in rows:
        assembler.add(one)
        for study in assembler.take().to_pylist():
            seen.setdefault(study["study_id"], study)
    assert set(seen) == {one["study_id"][0].as_py() for one in rows}
    for study in seen.values():
        videos = study["videos"]
        places = [tuple(map(int, video["path"].split("-"))) for video in videos]
        assert places == sorted(set(places))
        encoded = [
            place for place, video in zip(places, videos, strict=True) if video["outcome"] == "encoded"
        ]
        assert [round(numbers[0]) for numbers in study["embeddings"]] == [100 * p + n for p, n in encoded]
        assert [video["view"] for video in videos if video["view"]] == [
            VIEWS[(100 * p + n) % 11] for p, n in encoded
        ]
        assert [video["embedding"] for video in videos if video["outcome"] == "encoded"] == list(
            range(len(encoded))
        )
        assert study["status"] == ("complete" if len(encoded) == len(videos) else "incomplete")
