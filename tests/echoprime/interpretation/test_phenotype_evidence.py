"""The evidence of every value, against the same found one by one from the row's own neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from echoprime.bundle import Bundle
from echoprime.interpretation import PAIRINGS, Interpreter
from echoprime.interpretation.phenotype_evidence import LEAST_COMPARED
from echoprime.interpretation.spread import QUANTILES
from echoprime.release import import_release
from echoprime.retrieval import NO_VIEW, CandidateSet, drawn_rows, merge, own_similarities, write_candidates
from echoprime.tables import NO_LABEL, NO_VIDEO_COUNTS, NOTHING_ENCODED
from tests.echoprime.release.small import ROWS, UNLABELLED, write_small_release

K = 7
A4C, A5C, SUBCOSTAL = 2, 3, 10
Studies = tuple[list[np.ndarray], list[np.ndarray]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    release = write_small_release(tmp_path_factory.mktemp("evidence") / "release")
    return import_release(release, release.parent / "bundle", shard_files=3)


@pytest.fixture(scope="module")
def studies() -> Studies:
    """One view that some sections do not use, many, none, one video, a view that no section uses."""
    rng = np.random.default_rng(1)
    views = [
        np.array([A5C]),
        np.array([A4C, A5C, A4C, SUBCOSTAL, A5C, 0]),
        np.zeros(0, int),
        np.array([SUBCOSTAL]),
        np.array([NO_VIEW, A4C, 7, 7]),
    ]
    return [rng.standard_normal((len(each), 512)).astype(np.float32) for each in views], views


def run(
    bundle: Bundle,
    studies: Studies,
    shards: int = 2,
    *,
    influence: bool = False,
    candidates: CandidateSet | None = None,
    excluded: dict[str, list[str]] | None = None,
    **more: Any,
) -> pa.Table:
    interpreter = Interpreter(bundle, k=K, candidates=candidates, **more)
    candidates = candidates or CandidateSet.open(bundle)
    left_out = excluded or {}
    parts = [candidates.shard(*rows) for rows in candidates.ranges(shards)]

    def search(**asked: Any) -> Any:
        return merge([part.search(**asked) for part in parts])

    queries = interpreter.queries(*studies)
    own = own_similarities([part.drawn(drawn_rows(candidates.rows)) for part in parts], search)
    return interpreter.interpret(
        queries,
        search(**interpreter.search_arguments(queries, **left_out)),
        own_similarities=own,
        influence=interpreter.influence(*studies, search, **left_out) if influence else None,
    )


def section_of(row: dict[str, Any], phenotype: str) -> dict[str, Any]:
    (found,) = (each for each in row["sections"] if phenotype in each["phenotypes"])
    return found


def labels_of(section: dict[str, Any], phenotype: str) -> tuple[np.ndarray, np.ndarray]:
    """Known labels and the similarities of those that have them."""
    place = section["phenotypes"].index(phenotype)
    pairs = [(near["labels"][place], near["similarity"]) for near in section["neighbours"]]
    known = [pair for pair in pairs if pair[0] is not None]
    return np.array([pair[0] for pair in known]), np.array([pair[1] for pair in known])


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_evidence_is_that_of_the_neighbours(bundle: Bundle, studies: Studies, pairing: str) -> None:
    compared = 0
    for row in run(bundle, studies, pairing=pairing).to_pylist():
        assert [each["phenotype"] for each in row["phenotypes"]] == [each.name for each in bundle.phenotypes]
        for found, phenotype in zip(row["phenotypes"], bundle.phenotypes, strict=True):
            section = section_of(row, phenotype.name)
            labels, similarities = labels_of(section, phenotype.name)
            assert found["section"] == section["section"]
            assert found["value"] == row[phenotype.name]
            assert found["neighbours"] == len(section["neighbours"])
            assert found["labelled"] == len(labels)
            assert found["threshold"] == phenotype.threshold
            assert found["call"] == row.get(f"{phenotype.name}_call")
            near = section["neighbours"]
            assert found["nearest"] == (near[0]["similarity"] if near else None)
            assert found["nearest_percentile"] is None  # of 60 candidates none is said
            quantiles = [found[name] for name in ("p10", "p25", "p50", "p75", "p90")]
            interval = found["low"], found["high"]
            if phenotype.kind == "binary":
                assert found["positive"] == np.count_nonzero(labels)
                assert quantiles == [None] * 5
                if len(labels):
                    expected = proportion_confint(np.count_nonzero(labels), len(labels), method="wilson")
                    assert interval == pytest.approx(expected)
                continue
            assert found["positive"] is None
            if len(labels):
                weights = np.maximum(similarities, 0)
                weights = weights if weights.any() else np.ones(len(labels))
                expected = np.quantile(labels, QUANTILES, weights=weights, method="inverted_cdf")
                assert quantiles == expected.tolist()
            else:
                assert quantiles == [None] * 5
            if len(labels) > 1:
                reach = stats.t.ppf(0.975, len(labels) - 1) * stats.sem(labels)
                assert interval == pytest.approx((labels.mean() - reach, labels.mean() + reach))
                compared += 1
            else:
                assert interval == (None, None)
    assert compared >= 3


def test_no_value_has_its_reason(bundle: Bundle, studies: Studies) -> None:
    rows = run(bundle, studies).to_pylist()
    reasons = [{each["phenotype"]: each["reason"] for each in row["phenotypes"]} for row in rows]
    assert reasons[0]["ejection_fraction"] == NO_VIDEO_COUNTS
    assert set(reasons[2].values()) == {NOTHING_ENCODED}
    assert reasons[1][UNLABELLED] == NO_LABEL
    for row in rows:
        for each in row["phenotypes"]:
            assert each["assessable"] == (each["value"] is not None) == (each["reason"] == "")


def test_shares_of_videos_and_views(bundle: Bundle, studies: Studies) -> None:
    for row, views in zip(run(bundle, studies).to_pylist(), studies[1], strict=True):
        for each in row["phenotypes"]:
            section = section_of(row, each["phenotype"])
            assert [video["share"] for video in each["videos"]] == section["shares"]
            expected: dict[str, float] = {}
            for view, share in zip(views, section["shares"], strict=False):
                if share:
                    name = bundle.views[view]
                    expected[name] = expected.get(name, 0) + share
            assert {view["view"]: view["share"] for view in each["views"]} == expected
            assert not expected or sum(expected.values()) == pytest.approx(1)
            assert each["stable"] is None
            assert {part["value_without"] for part in each["videos"] + each["views"]} <= {None}


def test_percentile_counts_candidates_that_are_no_nearer(bundle: Bundle, studies: Studies) -> None:
    """A study that is a candidate's copy is as near as can be; one of noise is as far as most."""
    shard = CandidateSet.open(bundle).shard()
    one = shard.drawn(np.array([3])).embeddings
    copies = [one], [np.array([A4C])]
    interpreter = Interpreter(bundle, k=K)
    queries = interpreter.queries(*copies)
    own = own_similarities([shard.drawn(drawn_rows(ROWS))], shard.search)
    # 20 of the 60 stand twice, and one is of zeros
    assert len(own) == ROWS - 1
    hits = shard.search(**interpreter.search_arguments(queries))
    many = np.repeat(own, -(-LEAST_COMPARED // len(own)))
    rows = interpreter.interpret(queries, hits, own_similarities=many).to_pylist()
    nearest = rows[0]["phenotypes"][0]["nearest"]
    expected = 100 * np.count_nonzero(own <= nearest) / len(own)
    assert rows[0]["phenotypes"][0]["nearest_percentile"] == pytest.approx(expected)
    assert expected > 60
    for few in (None, own, many[: LEAST_COMPARED - 1]):
        without = interpreter.interpret(queries, hits, own_similarities=few).to_pylist()
        assert {each["nearest_percentile"] for each in without[0]["phenotypes"]} == {None}
    enough = interpreter.interpret(queries, hits, own_similarities=many[:LEAST_COMPARED]).to_pylist()
    assert enough[0]["phenotypes"][0]["nearest_percentile"] is not None


def test_a_value_without_a_video_is_that_of_the_study_without_it(bundle: Bundle, studies: Studies) -> None:
    rows = run(bundle, studies, influence=True).to_pylist()
    moved = 0
    for row, embeddings, views in zip(rows, *studies, strict=True):
        for video in range(len(views)):
            kept = np.arange(len(views)) != video
            expected = run(bundle, ([embeddings[kept]], [views[kept]])).to_pylist()[0]
            for each in row["phenotypes"]:
                if each["videos"]:
                    assert each["videos"][video]["value_without"] == expected[each["phenotype"]]
                    moved += expected[each["phenotype"]] != each["value"]
    assert moved > 20


def test_a_value_without_a_view_is_that_of_the_study_without_it(bundle: Bundle, studies: Studies) -> None:
    rows = run(bundle, studies, influence=True).to_pylist()
    kinds = set()
    for row, embeddings, views in zip(rows, *studies, strict=True):
        for view in {*views.tolist()} - {NO_VIEW}:
            kept = views != view
            expected = run(bundle, ([embeddings[kept]], [views[kept]])).to_pylist()[0]
            for each in row["phenotypes"]:
                for part in each["views"]:
                    if part["view"] == bundle.views[view]:
                        assert part["value_without"] == expected[each["phenotype"]]
        for each in row["phenotypes"]:
            left = [part["value_without"] for part in each["views"] if part["value_without"] is not None]
            if each["call"] is None or not left:
                assert each["stable"] is None
            else:
                assert each["stable"] == all((value >= each["threshold"]) == each["call"] for value in left)
            kinds.add(each["stable"])
    assert kinds == {None, True, False}


def without_influence(row: dict[str, Any]) -> dict[str, Any]:
    for each in row["phenotypes"]:
        each["stable"] = None
        for part in each["videos"] + each["views"]:
            part["value_without"] = None
    return row


@pytest.mark.parametrize("shards", [1, 3])
def test_the_same_whatever_the_shards_and_batches(bundle: Bundle, studies: Studies, shards: int) -> None:
    whole = run(bundle, studies, influence=True)
    whole.validate(full=True)
    assert run(bundle, studies, shards, influence=True).equals(whole)
    for number in range(len(studies[1])):
        alone = run(bundle, ([studies[0][number]], [studies[1][number]]), shards, influence=True)
        assert alone.equals(whole.slice(number, 1))
    plain = run(bundle, studies, shards).to_pylist()
    assert [without_influence(row) for row in whole.to_pylist()] == plain


@pytest.fixture(scope="module")
def of_the_studies(
    bundle: Bundle, studies: Studies, tmp_path_factory: pytest.TempPathFactory
) -> CandidateSet:
    """Each study and another one of its patient, both nearer to it than anything else; and 40 of others."""
    rng = np.random.default_rng(2)
    near = [each.sum(axis=0) for each in studies[0]]
    noise = rng.standard_normal((len(near), 512)) / 10
    embeddings = [*near, *(near + noise), *rng.standard_normal((40, 512))]
    others = [f"other-{number}" for number in range(len(embeddings) - len(near))]
    labels = rng.integers(0, 2, (len(embeddings), len(bundle.phenotypes))).astype(np.float64)
    place: Path = tmp_path_factory.mktemp("evidence") / "candidates"
    write_candidates(
        place,
        embeddings=np.array(embeddings, np.float32),
        studies=[*NAMES["exclude_study"], *others],
        patients=[*NAMES["exclude_patient"] * 2, *[""] * 40],
        labels=labels,
        reports=[[] for _ in embeddings],
        label_names=[each.name for each in bundle.phenotypes],
        embedding_space=bundle.embedding_space,
    )
    return CandidateSet.open(place)


NAMES = {
    name: [f"{name[8:]}-{number}" for number in range(5)] for name in ("exclude_study", "exclude_patient")
}


@pytest.mark.parametrize(
    "known", [("exclude_study",), ("exclude_patient",), ("exclude_study", "exclude_patient")]
)
def test_left_out_candidates_stay_left_out(
    bundle: Bundle, studies: Studies, of_the_studies: CandidateSet, known: tuple[str, ...]
) -> None:
    """Of a study without a video, too: those of the study, and those of its patient."""
    excluded = {name: NAMES[name] if name in known else [""] * 5 for name in NAMES}
    rows = run(bundle, studies, influence=True, candidates=of_the_studies, excluded=excluded).to_pylist()
    mattered = 0
    for number, (row, embeddings, views) in enumerate(zip(rows, *studies, strict=True)):
        alone = {name: [names[number]] for name, names in excluded.items()}
        for video in range(len(views)):
            kept = np.arange(len(views)) != video
            less = [embeddings[kept]], [views[kept]]
            expected = run(bundle, less, candidates=of_the_studies, excluded=alone).to_pylist()[0]
            wrong = run(bundle, less, candidates=of_the_studies).to_pylist()[0]
            for each in row["phenotypes"]:
                if each["videos"]:
                    assert each["videos"][video]["value_without"] == expected[each["phenotype"]]
                    mattered += expected[each["phenotype"]] != wrong[each["phenotype"]]
    assert mattered > 20


def test_no_studies(bundle: Bundle) -> None:
    assert len(run(bundle, ([], []), influence=True)) == 0
