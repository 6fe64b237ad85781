"""Studies interpreted by reports that say grades: a small release with reports drawn from all phrases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echoprime.bundle import Bundle
from echoprime.interpretation import Interpreter
from echoprime.release import import_release
from echoprime.retrieval import CandidateSet, merge
from tests.echoprime.release.small import ROWS, dump, write_small_release

K = 12


class Interpreted:
    """A bundle, its candidates' reports, and studies to interpret."""

    def __init__(self, folder: Path) -> None:
        release = write_small_release(folder / "release")
        words = json.loads((release / "assets" / "all_phr.json").read_text())
        # two sections speak of one structure
        words["Left Atrium"]["Jet"] = ["No mitral leak.", "Mild mitral leak.", "Severe mitral leak."]
        (release / "assets" / "all_phr.json").write_text(json.dumps(words))
        phrases = [[each for group in groups.values() for each in group] for groups in words.values()]
        rng = np.random.default_rng(5)
        self.reports: list[list[tuple[int, int, Any]]] = []
        for _ in range(ROWS):
            report = []
            for section, templates in enumerate(phrases):
                for phrase in rng.integers(0, len(templates), rng.integers(0, 4)).tolist():
                    value = [55, 60, "septal", float("nan")][int(rng.integers(4))]
                    report.append((section, phrase, value if "<" in templates[phrase] else float("nan")))
            self.reports.append(report)
        dump(release / "model_data" / "candidates_data" / "candidate_reports.pkl", self.reports)
        italian = {
            f"IT {name}": {g: [f"IT {p}" for p in each] for g, each in groups.items()}
            for name, groups in words.items()
        }
        (folder / "it.json").write_text(json.dumps(italian))
        self.bundle: Bundle = import_release(
            release, folder / "bundle", shard_files=2, lexicons={"it": folder / "it.json"}
        )
        views = [rng.integers(0, 11, count) for count in (5, 0, 9, 1, 14)]
        self.studies = [rng.standard_normal((len(each), 512)).astype(np.float32) for each in views], views

    def table(self, shards: int = 2, **choices: Any) -> Any:
        interpreter = Interpreter(self.bundle, **{"k": K, **choices})
        queries = interpreter.queries(*self.studies)
        candidates = CandidateSet.open(self.bundle)
        arguments = interpreter.search_arguments(queries)
        hits = [candidates.shard(*rows).search(**arguments) for rows in candidates.ranges(shards)]
        return interpreter.interpret(queries, merge(hits))


@pytest.fixture(scope="session")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> Interpreted:
    return Interpreted(tmp_path_factory.mktemp("severity"))
