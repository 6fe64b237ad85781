"""Values by single clips of the videos, against studies that have only those."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from echoprime.bundle import Bundle
from echoprime.interpretation import Interpreter, StudyClips
from echoprime.retrieval import NO_VIEW, CandidateSet, merge, video_embeddings
from tests.tiny import write_tiny_bundle

K = 7
A4C, A5C, SUBCOSTAL = 2, 3, 10
STUDIES = [
    ([A4C, A5C, SUBCOSTAL], [3, 3, 3]),
    ([A5C, A4C, A4C], [1, 3, 2]),
    ([], []),
    ([SUBCOSTAL, A4C], [1, 1]),
    ([NO_VIEW, A5C], [3, 1]),
    ([A5C, A4C, 0], [3, 1, 1]),
]
"""Views and clips of their videos: all have several, some, none; several where no section looks."""

Table = list[dict[str, Any]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("clips") / "bundle", weights=False)


@pytest.fixture(scope="module")
def studies() -> tuple[list[np.ndarray], list[StudyClips], list[np.ndarray]]:
    """Clips of one video lie around a place of its own."""
    rng = np.random.default_rng(3)
    clips = []
    for _, counts in STUDIES:
        places = np.repeat(rng.standard_normal((len(counts), 512)), counts, axis=0)
        near = places + rng.standard_normal(places.shape)
        clips.append(StudyClips(near.astype(np.float32), np.array(counts, np.int64)))
    means = [video_embeddings(each.embeddings, each.counts) for each in clips]
    return means, clips, [np.array(views, np.int64) for views, _ in STUDIES]


def run(
    bundle: Bundle, means: Any, views: Any, clips: Any = None, *, shards: int = 2, **excluded: Any
) -> pa.Table:
    interpreter = Interpreter(bundle, k=K)
    candidates = CandidateSet.open(bundle)
    parts = [candidates.shard(*rows) for rows in candidates.ranges(shards)]

    def search(**asked: Any) -> Any:
        return merge([part.search(**asked) for part in parts])

    queries = interpreter.queries(means, views)
    hits = search(**interpreter.search_arguments(queries, **excluded))
    found = None if clips is None else interpreter.clip_values(means, clips, views, search, **excluded)
    return interpreter.interpret(queries, hits, clips=found)


def alone(means: np.ndarray, clips: StudyClips, turn: int) -> np.ndarray:
    """Video by video: its clip of this number, or its mean."""
    found, place = [], 0
    for mean, count in zip(means, clips.counts, strict=True):
        found.append(clips.embeddings[place + turn] if turn < count else mean)
        place += int(count)
    return np.array(found, np.float32).reshape(-1, 512)


def test_values_are_those_of_studies_with_that_clip_alone(bundle: Bundle, studies: Any) -> None:
    means, clips, views = studies
    weights = bundle.sections.weights
    section_of = {name: number for number, name in enumerate(bundle.sections.names)}
    moved = flipped = held = 0
    for row, mean, of, shown in zip(run(bundle, means, views, clips).to_pylist(), *studies, strict=True):
        by_clip = [run(bundle, [alone(mean, of, turn)], [shown]).to_pylist()[0] for turn in range(3)]
        for each in row["phenotypes"]:
            counting = [
                count
                for view, count in zip(shown, of.counts, strict=True)
                if view != NO_VIEW and weights[section_of[each["section"]], view]
            ]
            turns = max(counting, default=0)
            if turns < 2:
                assert each["clips"] is None
                continue
            expected = [study[each["phenotype"]] for study in by_clip[:turns]]
            spread = each["clips"]
            assert spread["values"] == expected
            known = [value for value in expected if value is not None]
            assert (spread["min"], spread["max"]) == (min(known), max(known))
            assert spread["sd"] == pytest.approx(np.std(known, ddof=1))
            moved += len(set(known)) > 1
            if each["call"] is None:
                assert spread["stable"] is None
                continue
            assert spread["stable"] == all((value >= each["threshold"]) == each["call"] for value in known)
            flipped += not spread["stable"]
            held += spread["stable"]
    assert moved > 20
    assert flipped > 3 < held


def test_of_single_clips_nothing_is_asked(bundle: Bundle, studies: Any) -> None:
    means, clips, views = studies
    interpreter = Interpreter(bundle, k=K)

    def search(**asked: Any) -> Any:
        raise AssertionError("searched for")

    single = [3, 4, 2]  # one clip each; several where no view counts; none
    chosen = [[column[number] for number in single] for column in (means, clips, views)]
    assert not interpreter.clip_values(*chosen, search).turns.any()
    values = run(bundle, means, views, clips).to_pylist()
    plain = run(bundle, means, views).to_pylist()
    for row, other in zip(values, plain, strict=True):
        assert {each["clips"] is None for each in other["phenotypes"]} == {True}
        for each in row["phenotypes"]:
            each["clips"] = None
    assert values == plain


@pytest.mark.parametrize("shards", [1, 3])
def test_the_same_whatever_the_shards_and_batches(bundle: Bundle, studies: Any, shards: int) -> None:
    means, clips, views = studies
    names = {
        "exclude_study": ["candidate-3"] * len(views),
        "exclude_patient": [""] * len(views),
    }
    whole = run(bundle, means, views, clips, **names)
    whole.validate(full=True)
    assert run(bundle, means, views, clips, shards=shards, **names).equals(whole)
    for number in range(len(views)):
        one = {name: [values[number]] for name, values in names.items()}
        each = run(bundle, [means[number]], [views[number]], [clips[number]], shards=shards, **one)
        assert each.equals(whole.slice(number, 1))


def test_what_is_left_out_stays_left_out(bundle: Bundle, studies: Any) -> None:
    """A study whose nearest candidates are its own: by each clip, too."""
    means, clips, views = (column[:1] for column in studies)
    ids = [
        near["candidate"] for near in run(bundle, means, views).to_pylist()[0]["sections"][0]["neighbours"]
    ]
    without = {"exclude_study": ids[:1], "exclude_patient": [""]}
    row = run(bundle, means, views, clips, **without).to_pylist()[0]
    for turn in range(3):
        expected = run(bundle, [alone(means[0], clips[0], turn)], views, **without).to_pylist()[0]
        for each in row["phenotypes"]:
            if each["clips"]:
                assert each["clips"]["values"][turn] == expected[each["phenotype"]]


def test_no_studies(bundle: Bundle) -> None:
    assert len(run(bundle, [], [], [])) == 0
