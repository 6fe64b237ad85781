"""Following, stopping and listing jobs where the Jobs API, the connection or the reader fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.submission import connection, stopping
from pipelines.submission.connection import connect
from pipelines.submission.follow import follow_job
from pipelines.submission.submit import reason_without
from tests.jobs_api import JOB, JobsApi, jobs_api

COMMAND = str(Path(sys.executable).parent / "echoprime")


@pytest.fixture
def api() -> Iterator[JobsApi]:
    with jobs_api() as server:
        yield server


def later(seconds: float, api: JobsApi, **changes: object) -> None:
    """Change what the server says in a while."""

    def change() -> None:
        for name, value in changes.items():
            setattr(api, name, value)

    threading.Timer(seconds, change).start()


@pytest.mark.parametrize("trouble", ["500", "html", "hang"])
@pytest.mark.parametrize("words", ["jobs list", f"jobs logs {JOB}", f"jobs stop {JOB}", "submit -- doctor"])
def test_trouble_after_the_first_answer_is_one_line(
    api: JobsApi,
    words: str,
    trouble: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    api.trouble = trouble
    command, *rest = words.split()
    place = rest.index("--") if "--" in rest else len(rest)
    assert main([command, *rest[:place], "--address", api.address, *rest[place:]]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert f"echoprime: {api.address}: " in said


@pytest.mark.parametrize("address", ["http://[::1", "http://head:many"])
def test_an_address_that_is_none(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--address", address]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert "http://head:8265" in said or "http://HEAD:8265" in said


def test_a_job_of_another_name(api: JobsApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "logs", "another", "--address", api.address]) == 2
    assert "no job 'another'" in capsys.readouterr().err


def test_why_a_job_is_refused_shows_nothing_that_was_passed() -> None:
    """An empty variable hides nothing: it stands between all letters."""
    assert reason_without('no:\n{"A": "x1", "B": "", "C": "x1y"}', ["x1", "", "x1y"]) == (
        'no: {"A": "...", "B": "", "C": "..."}'
    )


def test_an_answer_with_an_error_in_between_is_a_lost_connection(
    api: JobsApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.streams = True
    client = connect(api.address)
    later(0.3, api, trouble="500")
    later(0.8, api, trouble="")
    later(1.2, api, streams=False, status="SUCCEEDED")
    assert follow_job(client, api.address, JOB) == 0
    found = capsys.readouterr()
    assert found.out == "".join(api.lines)
    assert "the connection is lost" in found.err


def test_a_stream_that_closes_at_once_is_not_opened_in_a_hurry(
    api: JobsApi, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect(api.address)
    later(1.3, api, status="SUCCEEDED")
    assert follow_job(client, api.address, JOB) == 0
    assert 2 <= api.count("/logs/tail") <= 3
    assert capsys.readouterr().out == "one\ntwo\n"


def test_following_into_a_pipe_that_is_closed_ends(api: JobsApi) -> None:
    """As `| head -1` does: the job goes on, and nobody asks the cluster for ever."""
    api.streams = True
    process = subprocess.Popen(
        [COMMAND, "jobs", "logs", JOB, "--follow", "--address", api.address],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "one\n"
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(30) == 130
    assert said.count("\n") == 1, said
    assert f"{JOB} goes on. Follow it: echoprime jobs logs" in said
    assert api.status == "RUNNING"


@pytest.fixture
def answers_ctrl_c() -> Iterator[None]:
    """Also where a shell started the tests with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("answers_ctrl_c")
def test_ctrl_c_where_the_job_cannot_be_stopped(api: JobsApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.streams = True
    client = connect(api.address)
    later(0.3, api, trouble="html")
    threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert follow_job(client, api.address, JOB, stop_on_interrupt=True) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert api.address in said
    assert f"Stop it: echoprime jobs stop {JOB}" in said


@pytest.mark.parametrize(
    ("becomes", "code", "said"),
    [
        ("STOPPED", 0, "stopped; the same command goes on from there"),
        ("FAILED", 0, "failed before it was stopped"),
        ("RUNNING", 1, "is still running"),
    ],
)
def test_stopping_says_what_became_of_the_job(
    api: JobsApi,
    becomes: str,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(stopping, "STOP_SECONDS", 0.5)
    api.stopped_status = becomes
    started = time.monotonic()
    assert main(["jobs", "stop", JOB, "--address", api.address]) == code
    assert time.monotonic() - started < 20
    found = capsys.readouterr()
    assert said in (found.err if code else found.out)


def test_a_job_that_ended_before_is_not_stopped(api: JobsApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.status = "SUCCEEDED"
    assert main(["jobs", "stop", JOB, "--address", api.address]) == 0
    assert "has ended before" in capsys.readouterr().out
