"""Where neighbours are from, and what those of the same study or patient would have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from echoprime.bundle import Bundle
from echoprime.interpretation import PAIRINGS, Interpreter
from echoprime.interpretation.leakage import SHARE, Leakage
from echoprime.retrieval import CandidateSet, CandidateStack, merge, write_candidates
from tests.interpreted import write_interpretations
from tests.tiny import CANDIDATES, write_tiny_bundle

K, STUDIES, OF_NOBODY = 9, 8, 6
NAMES = [f"study-{number}" for number in range(STUDIES)]
PATIENTS = [f"patient-{number // 2}" if number < OF_NOBODY else "" for number in range(STUDIES)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("leakage") / "bundle", weights=False)


@pytest.fixture(scope="module")
def studies(bundle: Bundle) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of the last one no video was encoded."""
    rng = np.random.default_rng(3)
    counts = [*rng.integers(1, 5, STUDIES - 1).tolist(), 0]
    embeddings = [rng.standard_normal((count, 512)).astype(np.float32) for count in counts]
    return embeddings, [rng.integers(0, len(bundle.views), count) for count in counts]


@pytest.fixture(scope="module")
def own(
    bundle: Bundle,
    studies: tuple[list[np.ndarray], list[np.ndarray]],
    tmp_path_factory: pytest.TempPathFactory,
) -> CandidateSet:
    """Every study itself and twenty of nobody's near it; no column for tavr."""
    rng = np.random.default_rng(4)
    near = np.array([each.sum(axis=0) for each in studies[0]])
    near[-1] = near[0]
    rows = np.concatenate([near, near[rng.integers(0, STUDIES, 20)] + rng.standard_normal((20, 512))])
    names = [each.name for each in bundle.phenotypes if each.name != "tavr"]
    place: Path = tmp_path_factory.mktemp("leakage") / "own"
    write_candidates(
        place,
        embeddings=(rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32),
        studies=[*NAMES, *(f"other-{number}" for number in range(20))],
        patients=[*PATIENTS, *[""] * 20],
        labels=rng.integers(0, 2, (len(rows), len(names))).astype(np.float64),
        reports=[[(0, 0, 50.0)] for _ in rows],
        label_names=names,
        embedding_space=bundle.embedding_space,
    )
    return CandidateSet.open(place)


@pytest.fixture(scope="module")
def stack(bundle: Bundle, own: CandidateSet) -> CandidateStack:
    return CandidateStack.of({"official": CandidateSet.open(bundle), "own": own})


def run(
    bundle: Bundle,
    studies: tuple[list[np.ndarray], list[np.ndarray]],
    stack: CandidateStack,
    *,
    shards: int = 3,
    k: int = K,
    names: Sequence[str] = NAMES,
    patients: Sequence[str] = PATIENTS,
    pairing: str = "section",
) -> pa.Table:
    interpreter = Interpreter(bundle, k=k, candidates=stack, pairing=pairing)
    queries = interpreter.queries(*studies)
    asked = interpreter.search_arguments(queries, names, patients)
    return interpreter.interpret(
        queries, merge([stack.shard(*rows).search(**asked) for rows in stack.ranges(shards)])
    )


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("k", [1, K, CANDIDATES + 40])
def test_the_value_with_them_is_that_of_a_search_that_leaves_nothing_out(
    bundle: Bundle,
    studies: tuple[list[np.ndarray], list[np.ndarray]],
    stack: CandidateStack,
    k: int,
    pairing: str,
) -> None:
    guarded = run(bundle, studies, stack, k=k, pairing=pairing).to_pylist()
    nobody = [""] * STUDIES
    leaking = run(bundle, studies, stack, k=k, pairing=pairing, names=nobody, patients=nobody).to_pylist()
    theirs = [
        {name for name, owner in zip(NAMES, PATIENTS, strict=True) if name == study or owner == patient != ""}
        for study, patient in zip(NAMES, PATIENTS, strict=True)
    ]
    moved = 0
    for row, usual, mine in zip(guarded, leaking, theirs, strict=True):
        near = {
            section["section"]: sum(each["candidate"] in mine for each in section["neighbours"])
            for section in usual["sections"]
        }
        assert {section["section"]: section["left_out"] or 0 for section in row["sections"]} == near
        for each in row["phenotypes"]:
            assert each["value_with_left_out"] == usual[each["phenotype"]]
            assert each["left_out"] == near[each["section"]]
            moved += each["value_with_left_out"] != each["value"]
    assert moved > 10
    assert {each["left_out"] for row in leaking for each in row["phenotypes"]} == {0}


def test_every_neighbour_says_its_set(
    bundle: Bundle, studies: tuple[list[np.ndarray], list[np.ndarray]], stack: CandidateStack
) -> None:
    sets = dict(zip(stack.names, stack.sets, strict=True))
    studies_of = {
        name: [study for part in each.parts() for study in part.table.column("study").to_pylist()]
        for name, each in sets.items()
    }
    mixed = 0
    for row in run(bundle, studies, stack).to_pylist():
        sections = {section["section"]: section for section in row["sections"]}
        for section in sections.values():
            for each in section["neighbours"]:
                assert studies_of[each["set"]][each["row"]] == each["candidate"]
            if section["report_row"] is None:
                assert section["report_set"] is None
            else:
                assert section["report_row"] < sets[section["report_set"]].rows
        for each in row["phenotypes"]:
            section = sections[each["section"]]
            found = Counter(neighbour["set"] for neighbour in section["neighbours"])
            place = section["phenotypes"].index(each["phenotype"])
            labelled = Counter(
                neighbour["set"]
                for neighbour in section["neighbours"]
                if neighbour["labels"][place] is not None
            )
            expected = [
                {"set": name, "neighbours": found[name], "labelled": labelled[name]} for name in stack.names
            ]
            assert each["sets"] == (expected if section["assessable"] else [])
            mixed += len(found) == 2
            if each["phenotype"] == "tavr" and section["assessable"]:
                assert labelled["own"] == 0 < found["own"]
    assert mixed > 20


def test_the_same_whatever_the_shards_and_batches(
    bundle: Bundle, studies: tuple[list[np.ndarray], list[np.ndarray]], stack: CandidateStack
) -> None:
    whole = run(bundle, studies, stack)
    whole.validate(full=True)
    assert run(bundle, studies, stack, shards=1).equals(whole)
    for number in range(STUDIES):
        here = slice(number, number + 1)
        alone = run(
            bundle,
            (studies[0][here], studies[1][here]),
            stack,
            names=NAMES[here],
            patients=PATIENTS[here],
        )
        assert alone.equals(whole.slice(number, 1))


def by_hand(rows: list[dict[str, Any]]) -> tuple[int, list[float]]:
    touched = [[each for each in row["phenotypes"] if each["left_out"]] for row in rows]
    differences = [
        abs(each["value_with_left_out"] - each["value"])
        for entries in touched
        for each in entries
        if each["phenotype"] == "ejection_fraction"
    ]
    return sum(map(bool, touched)), differences


def test_in_sum(
    bundle: Bundle,
    studies: tuple[list[np.ndarray], list[np.ndarray]],
    stack: CandidateStack,
    tmp_path: Path,
) -> None:
    rows = run(bundle, studies, stack)
    affected, differences = by_hand(rows.to_pylist())
    assert affected
    assert differences
    whole, batched = Leakage(), Leakage()
    whole.add(rows["phenotypes"])
    for first in range(0, STUDIES, 3):
        batched.add(rows["phenotypes"].slice(first, 3))
    assert (whole.studies, whole.affected) == (batched.studies, batched.affected) == (STUDIES, affected)
    moved = whole.moved["ejection_fraction"]
    assert moved.values == len(differences)
    assert moved.total == pytest.approx(sum(differences))
    assert moved.largest == max(differences)
    assert set(whole.moved) == {"ejection_fraction", "pulmonary_artery_pressure_continuous", SHARE}
    assert f"{affected} of {STUDIES} studies had left-out candidates" in whole.said()
    assert f"(at most {max(differences):.1f})" in whole.said()

    listed = list(zip(NAMES, *studies, strict=True))
    table = write_interpretations(tmp_path / "default", bundle, listed, candidates=stack, k=K)
    found = Leakage.of_table(table)
    assert (found.studies, found.affected) == (STUDIES, by_hand(table.newest().to_pylist())[0])
    table = write_interpretations(tmp_path / "none", bundle, listed, k=K)
    assert Leakage.of_table(table).said() == ""
