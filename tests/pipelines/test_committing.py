"""Rows to commits: when, in a hurry, and where the table cannot be written."""

from __future__ import annotations

from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from echoprime.errors import WriteError
from echoprime.storage import Location
from echoprime.tables import ENCODINGS, StudyTable
from echoprime.tables import commits as commits_module
from pipelines.committing import Committer


@pytest.fixture
def table(tmp_path: Path) -> StudyTable:
    return StudyTable.open(Location.parse(tmp_path / "t"), ENCODINGS, identity={"encoding_id": "x"})


def study(name: str) -> pa.Table:
    schema = pa.schema([column for column in ENCODINGS if column.name != "written_at"])
    row = {
        "study_id": name,
        "study_key": name,
        "study_kind": "unknown",
        "status": "complete",
        "videos": [],
        "embeddings": [],
        "view_probabilities": [],
        "encoding_id": "x",
        "run_id": "r",
    }
    return pa.Table.from_pylist([row], schema)


def test_in_a_hurry_everything_is_committed_at_once(table: StudyTable) -> None:
    committer = Committer(table, studies=100, seconds=1e9)
    committer.add(study("a"))
    assert (committer.committed, committer.waiting) == (0, 1)
    committer.hurry()
    assert (committer.committed, committer.waiting) == (1, 0)
    committer.add(study("b"))
    assert committer.committed == 2
    assert table.newest(["study_id"])["study_id"].to_pylist() == ["a", "b"]


def test_a_full_disk_is_told_once_and_not_tried_again(
    table: StudyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As deltalake says it; `tests/faults` fills a real one."""
    tries: list[int] = []

    def full(*arguments: object, **options: object) -> None:
        tries.append(1)
        raise OSError("Generic LocalFileSystem error: No space left on device (os error 28)")

    monkeypatch.setattr(deltalake, "write_deltalake", full)
    committer = Committer(table, studies=1, seconds=1e9)
    with pytest.raises(WriteError, match=r"no space is left there; make room and run the same command again"):
        committer.add(study("a"))
    committer.flush()  # as a job does that ends by it
    assert (len(tries), committer.committed) == (1, 0)


def test_an_output_that_refuses_every_try_is_one_line(
    table: StudyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise OSError("Generic S3 error:\n  ExpiredToken")

    monkeypatch.setattr(deltalake, "write_deltalake", refused)
    monkeypatch.setattr(commits_module, "COMMIT_ATTEMPTS", 2)
    committer = Committer(table, studies=5, seconds=1e9)
    committer.add(study("a"))
    committer.hurry()  # in the thread of a signal: the job itself will meet it
    with pytest.raises(
        WriteError, match=r"cannot be written: Generic S3 error: ExpiredToken; what was"
    ) as told:
        committer.flush()
    assert "\n" not in str(told.value)
