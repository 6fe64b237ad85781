"""Two thousand damaged files through the encode job: each is one outcome, and no clip is knowingly wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import StudyTable, list_runs
from tests.damage.corpus import sound_name, unseen, verdict, write_archive
from tests.damage.damaged import Damaged
from tests.damage.good_files import MARKER, good_files
from tests.damage.reading_processes import ReadingProcesses

pytestmark = [pytest.mark.ray, pytest.mark.slow]

LEAST_FILES = 2000
MEMORY = 900 << 20
"""Bytes that a decoding process may take, whatever it is given; the largest are those of 4,000 x 4,000."""
SECONDS = 900.0
MARK = "ECHOPRIME_TEST_OF_DAMAGE"
"""Variable by which the job's processes are told from those of other jobs."""
MOST_UNSEEN = 0.2
"""Share of files that become another clip because no check can see it: mostly flips in native pixels."""


class Job:
    """What the job said, wrote and took."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.mark = uuid.uuid4().hex
        self.damaged = write_archive(folder / "archive")
        archive, manifest, output = folder / "archive", folder / "manifest.parquet", folder / "out"
        started = time.monotonic()
        self._command("manifest", archive, manifest)
        with ReadingProcesses(f"{MARK}={self.mark}") as processes:
            self.said = self._command(
                *("encode", "--manifest", manifest, "--bundle", bundle.location, "--output", output),
                *("--max-bytes", 1 << 28, "--decode-seconds", 30),
            )
        self.seconds, self.processes = time.monotonic() - started, processes
        table = StudyTable.existing(Location.parse(output / "encodings"))
        self.rows = {
            row["study_id"]: row["videos"] for row in table.newest(["study_id", "videos"]).to_pylist()
        }
        self.counts = list_runs(Location.parse(output))[-1].counts
        self.written = b"".join(path.read_bytes() for path in output.rglob("*.json"))

    def _command(self, *words: object) -> str:
        command = [sys.executable, "-m", "pipelines", *map(str, words)]
        ended = subprocess.run(
            command,
            env={**os.environ, MARK: self.mark},
            capture_output=True,
            text=True,
            timeout=2 * SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
        return ended.stdout + ended.stderr

    def sound(self, damaged: Damaged) -> str | None:
        """`content` of the good file."""
        return self.rows[sound_name(damaged.sound)][0]["content"] if damaged.sound else None

    def outcomes(self) -> list[tuple[Damaged, dict[str, Any]]]:
        """Every damaged file with its row's only video."""
        return [(damaged, self.rows[study][0]) for study, damaged in self.damaged.items()]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Job:
    return Job(tmp_path_factory.mktemp("damage"), bundle)


def test_every_file_is_one_outcome(job: Job) -> None:
    assert len(job.damaged) >= LEAST_FILES
    assert job.rows.keys() == {*job.damaged, *map(sound_name, good_files())}
    assert all(len(videos) == 1 for videos in job.rows.values())
    assert job.counts["studies"] == len(job.rows)
    outcomes = {name: count for name, count in job.counts.items() if name not in ("studies", "incomplete")}
    assert sum(outcomes.values()) == len(job.rows)
    assert job.counts["incomplete"] == 0
    told = Counter(
        ":".join(filter(None, (video["outcome"], video["reason"]))) for (video,) in job.rows.values()
    )
    assert told == outcomes


def test_sound_files_are_encoded_beside_the_damaged(job: Job) -> None:
    assert {job.rows[sound_name(name)][0]["outcome"] for name in good_files()} == {"encoded"}


def test_no_clip_is_wrong_where_the_damage_can_be_seen(job: Job) -> None:
    wrong = [
        f"{damaged.sound} {damaged.name}: {found} ({video['outcome']} {video['reason']})"
        for damaged, video in job.outcomes()
        if (found := verdict(damaged, video["outcome"], video["content"], job.sound(damaged)))
    ]
    assert wrong == []


def test_what_no_check_can_see_is_counted(job: Job) -> None:
    found = Counter(
        damaged.unseen
        for damaged, video in job.outcomes()
        if unseen(damaged, video["outcome"], video["content"], job.sound(damaged))
    )
    for kind, count in found.most_common():
        print(f"{count:5}  {kind}")  # noqa: T201  # pytest -s shows the table
    assert sum(found.values()) <= MOST_UNSEEN * len(job.damaged)


def test_no_word_of_the_headers_and_no_traceback(job: Job) -> None:
    messages = [video["message"] or "" for (video,) in job.rows.values()]
    assert MARKER not in job.said
    assert MARKER.encode() not in job.written
    assert not [message for message in messages if MARKER in message or "\n" in message]
    assert "Traceback" not in job.said
    assert {video["outcome"]: bool(video["message"]) for (video,) in job.rows.values()} == {
        "encoded": False,
        "skipped": True,
        "failed": True,
    }


def test_memory_and_time_are_bounded(job: Job) -> None:
    megabytes, started = job.processes.peak_bytes / 1e6, len(job.processes.seen)
    print(f"{job.seconds:.0f} s, at most {megabytes:.0f} MB, {started} processes")  # noqa: T201  # as above
    assert job.seconds < SECONDS
    assert 50 << 20 < job.processes.peak_bytes < MEMORY
