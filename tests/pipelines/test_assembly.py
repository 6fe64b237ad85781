"""Parts of studies come in any order, and some come twice; rows come out whole and once."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.rows import CLASSIFIED, packed
from pipelines.assembly import StudyAssembler

VIEWS = tuple(f"view-{number}" for number in range(11))
SECONDS = {"fetch_seconds": 0.5, "read_seconds": 1.0, "encode_seconds": 2.0, "classify_seconds": 0.5}


def row(
    study: str,
    part: int,
    parts: int,
    first: int,
    of: int,
    outcomes: list[bool],
    facts: Sequence[dict[str, Any]] = (),
    kind: str | None = None,
    clips: int = 1,
) -> pa.Table:
    """One row of the last stage: the numbers of a video tell which it is, those of its clips lie around."""
    videos = [
        {
            "path": f"{part}-{first + number}",
            "outcome": "encoded" if encoded else "failed",
            "reason": "" if encoded else "missing",
            "message": "",
            **(facts[number] if facts else {}),
        }
        for number, encoded in enumerate(outcomes)
    ]
    which = [100 * part + first + number for number, encoded in enumerate(outcomes) if encoded]
    values = {
        "study_id": study,
        "study_key": study,
        "patient_id": None,
        "acquired_at": None,
        "study_kind": kind,
        "part": part,
        "parts": parts,
        "first": first,
        "of": of,
        "videos": videos,
        "views": [number % 11 for number in which],
        "starts": [_starts(number, clips) for number in which],
        **SECONDS,
    }
    of_clips = [number + away for number in which for away in _around(number, clips)]
    arrays = {
        "embeddings": packed([np.repeat(np.float32(of_clips), 512).reshape(-1, 512)]),
        "view_probabilities": packed([np.repeat(np.float32(which), 11).reshape(-1, 11)]),
    }
    return pa.table(
        {
            f.name: arrays[f.name] if f.name in arrays else pa.array([values[f.name]], f.type)
            for f in CLASSIFIED
        }
    )


def _starts(number: int, clips: int) -> list[int]:
    """Every third video has one clip whatever is asked for."""
    return [10 * turn for turn in range(clips if number % 3 else 1)]


def _around(number: int, clips: int) -> list[float]:
    """How far the clips of a video lie from it; their mean is the video."""
    count = len(_starts(number, clips))
    return [turn - (count - 1) / 2 for turn in range(count)]


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


HASHES = st.sampled_from([None, "a", "b", "c"])


@st.composite
def studies_with_copies(draw: st.DrawFn) -> list[pa.Table]:
    """One study in parts, its rows in path order; few hashes, so that many videos are equal."""
    parts = draw(st.integers(1, 3))
    rows = []
    for part in range(parts):
        outcomes = draw(st.lists(st.booleans(), min_size=1, max_size=6))
        facts = [{"instance": draw(HASHES), "content": draw(HASHES)} for _ in outcomes]
        step = draw(st.integers(1, 4))
        for first in range(0, len(outcomes), step):
            here = slice(first, first + step)
            rows.append(row("s", part, parts, first, len(outcomes), outcomes[here], facts[here]))
    return rows


def assembled(rows: Sequence[pa.Table], clips: int = 1) -> tuple[dict[str, Any], StudyAssembler]:
    assembler = StudyAssembler(VIEWS, "e", "r", clips)
    for one in rows:
        assembler.add(one)
    (study,) = assembler.take().to_pylist()
    return study, assembler


@given(studies_with_copies(), st.randoms())
def test_the_same_object_counts_once(rows: list[pa.Table], random: Random) -> None:
    study, assembler = assembled(rows)
    shuffled = random.sample(rows, len(rows))
    assert assembled(shuffled)[0] == study

    given_videos = [video for one in rows for video in one["videos"][0].as_py()]
    encoded = [video for video in study["videos"] if video["outcome"] == "encoded"]
    for name in ("instance", "content"):
        marks = [video[name] for video in encoded if video[name]]
        assert len(set(marks)) == len(marks)
    for number, (video, before) in enumerate(zip(study["videos"], given_videos, strict=True), start=1):
        if video["reason"] == "duplicate":
            first = int(video["message"].split("video ")[1].split()[0].strip(","))
            kept = study["videos"][first - 1]
            assert first < number
            assert kept["outcome"] == "encoded"
            assert any(video[name] and video[name] == kept[name] for name in ("instance", "content"))
            assert (video["embedding"], video["view"]) == (None, None)
        else:
            assert video["outcome"] == before["outcome"]
    assert assembler.outcomes.total() == len(given_videos)

    # as if the duplicates had not been there
    paths = {video["path"] for video in encoded}
    places = [tuple(map(int, path.split("-"))) for path in sorted(paths)]
    assert [round(numbers[0]) for numbers in study["embeddings"]] == [100 * p + n for p, n in places]
    assert [round(numbers[0]) for numbers in study["view_probabilities"]] == [100 * p + n for p, n in places]
    assert [video["embedding"] for video in encoded] == list(range(len(encoded)))
    assert [video["view"] for video in encoded] == [VIEWS[(100 * p + n) % 11] for p, n in places]


def test_one_identifier_for_other_loops_is_said() -> None:
    """Careless anonymisation gives every object the same SOP Instance UID."""
    facts = [{"instance": "i", "content": "c"}, {"instance": "i", "content": "d"}, {"content": "c"}]
    study, _ = assembled([row("s", 0, 1, 0, 3, [True] * 3, facts)])
    assert [video["message"] for video in study["videos"]] == [
        "",
        "the same SOP Instance UID as video 1 of the study, with another clip",
        "the same clip as video 1 of the study",
    ]


@pytest.mark.parametrize(
    ("kinds", "listed", "kind"),
    [
        ([None, "transthoracic"], None, "transthoracic"),
        (["transthoracic", "stress"], None, "stress"),
        ([None, None], None, "unknown"),
        (["stress", None], "contrast", "contrast"),
    ],
)
def test_a_study_is_of_the_kind_that_a_list_or_its_videos_say(
    kinds: list[str | None], listed: str | None, kind: str
) -> None:
    """Also those that were not encoded, in whatever part of the study they are."""
    parts = [
        row("s", part, 2, 0, 1, [part == 0], [{"kind": said}], kind=listed) for part, said in enumerate(kinds)
    ]
    assert assembled(parts)[0]["study_kind"] == kind
    assert assembled(parts[::-1])[0]["study_kind"] == kind


@pytest.mark.parametrize("clips", [2, 4])
def test_of_several_clips_a_row_has_the_mean_and_what_it_is_of(clips: int) -> None:
    """Without the clips of a duplicate, and of what was not encoded."""
    copies: list[dict[str, Any]] = [{}, {"content": "c"}, {}, {"content": "c"}, {}]
    rows = [
        row("s", 0, 2, 0, 5, [True, True, False, True, True], copies, clips=clips),
        row("s", 1, 2, 0, 3, [True, False, True], clips=clips),
    ]
    study, _ = assembled(rows, clips)
    assert assembled(rows[::-1], clips)[0] == study
    which = [0, 1, 4, 100, 102]
    assert [numbers[0] for numbers in study["embeddings"]] == which
    assert [video["view"] for video in study["videos"] if video["view"]] == [VIEWS[n % 11] for n in which]
    for number, of_video in zip(which, study["clips"], strict=True):
        assert [clip["start"] for clip in of_video] == _starts(number, clips)
        expected = [[number + away] * 512 for away in _around(number, clips)]
        assert [clip["embedding"] for clip in of_video] == expected


def test_a_study_of_no_clip_has_none() -> None:
    study, _ = assembled([row("s", 0, 1, 0, 2, [False, False], clips=3)], 3)
    assert (study["embeddings"], study["clips"]) == ([], [])
    assert "clips" not in assembled([row("s", 0, 1, 0, 1, [True])])[0]
