"""A candidate shard is killed in mid-query, three times: the same neighbours come out."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.encoded import write_encodings
from tests.faults.job import Job
from tests.faults.killing import SHARD, kill_at_work
from tests.faults.table import Difference, FaultTable, difference
from tests.faults.undisturbed import Undisturbed, upload
from tests.rows import all_rows
from tests.tiny import write_tiny_bundle

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.slow]

TIMES = 3
STUDIES = 1_000
"""Four queries of up to 256 studies ..."""

CANDIDATES = 12_000
"""... each of which takes a shard half a second."""


def test_a_candidate_shard(
    store: Undisturbed, kill_table: FaultTable, moment: random.Random, tmp_path: Path
) -> None:
    bundle = write_tiny_bundle(tmp_path / "shards" / "bundle", weights=False, candidates=CANDIDATES)
    upload(store.server, store.bucket, tmp_path)
    place = store.place / "shards"
    write_encodings(place / "out" / "encodings", bundle, STUDIES, rows_a_commit=500)

    def job(name: str) -> Job:
        words = ["--bundle", f"{place}/bundle", "--output", f"{place}/out", "--name", name, "--shards", "2"]
        return Job(["interpret", *words], store.folder / f"shards-{name}.log", store.environment())

    def left() -> int:
        """The job commits up to 2,048 studies together: all or nothing."""
        return STUDIES - store.committed("shards/out", "interpretations/killed")

    with job("undisturbed") as undisturbed:
        assert undisturbed.wait() == 0, undisturbed.said()
    start = time.monotonic()
    with job("killed") as killed:
        studies = [kill_at_work(SHARD, killed, left, moment) for _ in range(TIMES)]
        assert killed.wait() == 0, killed.said()
    tables = [all_rows(place / "out" / "interpretations" / name) for name in ("killed", "undisturbed")]
    found = difference(*tables)
    kill_table.add(
        "candidate shard",
        TIMES,
        ", ".join(map(str, studies)),
        found=found,
        seconds=time.monotonic() - start,
    )
    assert len(tables[1]) == STUDIES
    assert found == Difference(0, 0, 0)
