"""`echoprime submit` on two real nodes that hold no checkout, with a token, beside a real S3 server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from tests.cluster.breaking_proxy import BreakingProxy
from tests.cluster.ray_nodes import RayNodes, bare_python, ray_nodes
from tests.interrupting import interruptible
from tests.rows import rows
from tests.s3_server import S3Server

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.cluster]

COMMAND = str(Path(sys.executable).parent / "echoprime")
TABLES = ("encodings", "interpretations/default")
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The nodes' Python: every dependency, no checkout."""
    found = bare_python(tmp_path_factory.mktemp("nodes") / "venv")
    asked = subprocess.run(
        [found, "-c", "import ray, torch, deltalake; import echoprime.errors"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'echoprime.errors'" in asked.stderr
    return found


@pytest.fixture(scope="module")
def nodes(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """Two nodes that know nothing of the S3 server."""
    cache = tmp_path_factory.mktemp("cache")
    path = f"{Path(python).parent}:{os.environ['PATH']}"
    with ray_nodes(2, python=python, more={"ECHOPRIME_CACHE": str(cache), "PATH": path}) as found:
        yield found


@pytest.fixture(scope="module")
def bucket(s3_server: S3Server, archive: Path, bundle: Bundle) -> Location:
    """A bucket with the archive and the bundle."""
    place = Location.parse(f"s3://{s3_server.make_bucket()}")
    for folder, name in ((archive, "archive"), (bundle.location.local_path, "bundle")):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            (place / name / path.relative_to(folder).as_posix()).write_bytes(path.read_bytes())
    return place


@pytest.fixture(scope="module")
def local(bucket: Location) -> Location:
    """What a run on this machine's own Ray makes of the bucket."""
    answer = subprocess.run(
        [COMMAND, "run", *places(bucket, "local")], capture_output=True, text=True, timeout=300, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return bucket / "local"


def places(bucket: Location, output: str) -> list[str]:
    return [
        f"--archive={bucket / 'archive'}",
        f"--bundle={bucket / 'bundle'}",
        f"--output={bucket / output}",
    ]


def submitted(nodes: RayNodes, *words: str) -> list[str]:
    passed = [word for name in CREDENTIALS for word in ("--pass-environment", name)]
    return [COMMAND, "submit", "--address", nodes.jobs, *passed, *words]


def call(nodes: RayNodes, words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env={**os.environ, **nodes.environment, **more},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def jobs(nodes: RayNodes, *words: str) -> subprocess.CompletedProcess[str]:
    return call(nodes, [COMMAND, "jobs", *words, "--address", nodes.jobs])


def job_of(said: str) -> str:
    return next(word for word in said.split() if word.startswith("echoprime-"))


def test_the_tables_are_those_of_a_local_run(nodes: RayNodes, bucket: Location, local: Location) -> None:
    """Sent along: the nodes' Python has no checkout, so the package is the job's own."""
    answer = call(nodes, submitted(nodes, "--", "run", *places(bucket, "sent")))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Encoded 6 studies" in answer.stdout
    assert "Interpreted 6 studies" in answer.stdout
    for table in TABLES:
        assert rows(bucket / "sent" / table) == rows(local / table)

    job = job_of(answer.stderr)
    listed = jobs(nodes, "list").stdout
    assert job in listed
    assert "succeeded" in listed
    logs = jobs(nodes, "logs", job)
    assert logs.stdout == answer.stdout
    assert "ended before" in jobs(nodes, "stop", job).stdout
    for said in (answer.stdout, answer.stderr, listed):
        assert os.environ["AWS_SECRET_ACCESS_KEY"] not in said
    # a second run finds nothing to do, and its summary and exit code come back the same way
    again = call(nodes, submitted(nodes, "--", "run", *places(bucket, "sent")))
    assert again.returncode == 0
    assert "encode: nothing to do" in again.stdout


def test_a_lost_connection_loses_no_line(nodes: RayNodes, bucket: Location, local: Location) -> None:
    """Cut twice in mid-run, for some seconds each; then the whole log is compared with the cluster's."""
    host, port = nodes.jobs.removeprefix("http://").split(":")
    with BreakingProxy(host, int(port)) as proxy:
        words = submitted(nodes, "--", "run", *places(bucket, "cut"))
        words[words.index("--address") + 1] = f"http://127.0.0.1:{proxy.port}"
        process = subprocess.Popen(
            words, env=environment(nodes), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        for seconds in (4.0, 2.0):
            proxy.cut(seconds)
            time.sleep(seconds + 3)
        # not communicate(), which does not know what came with the first line
        rest, said = process.stdout.read(), process.stderr.read()
        process.wait(timeout=300)
        assert proxy.cuts
    assert process.returncode == 0, said
    assert "the connection is lost" in said
    assert jobs(nodes, "logs", job_of(said)).stdout == first + rest
    for table in TABLES:
        assert rows(bucket / "cut" / table) == rows(local / table)


def test_exit_codes_come_back(nodes: RayNodes, bucket: Location, local: Location) -> None:
    """2 from the job itself: a mistake that only the cluster can see."""
    answer = call(nodes, submitted(nodes, "--", "status", str(bucket / "nowhere")))
    assert answer.returncode == 2, answer.stderr
    assert "no table" in answer.stdout
    answer = call(nodes, submitted(nodes, "--", "status", str(local)))
    assert answer.returncode == 0, answer.stderr
    assert "encodings: 6 studies" in answer.stdout


def test_nodes_without_the_package_are_refused_as_an_image(nodes: RayNodes, bucket: Location) -> None:
    answer = call(nodes, submitted(nodes, "--image", "--", "run", *places(bucket, "image")))
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert "leave out --image" in answer.stderr
    answer = call(nodes, submitted(nodes, "--python", "/no/python", "--", "run", *places(bucket, "image")))
    assert answer.returncode == 2
    assert "--python /no/python" in answer.stderr


def test_ctrl_c_leaves_the_job_running_and_stop_ends_it(nodes: RayNodes, bucket: Location) -> None:
    words = submitted(nodes, "--", "run", *places(bucket, "stopped"))
    process = interruptible(words, env=environment(nodes), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert "listed" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on" in said
    assert "Traceback" not in said
    job = job_of(said)
    assert "running" in next(line for line in jobs(nodes, "list").stdout.splitlines() if job in line)

    stopped = jobs(nodes, "stop", job)
    assert "stopped" in stopped.stdout
    logs = jobs(nodes, "logs", job, "--follow")
    assert logs.returncode == 130
    assert "The same command does the rest." in logs.stdout


def test_a_reader_that_goes_away_leaves_the_job_running(nodes: RayNodes, bucket: Location) -> None:
    """As `| head -1` does."""
    words = submitted(nodes, "--", "run", *places(bucket, "unread"))
    process = subprocess.Popen(
        words, env=environment(nodes), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "listed" in process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(60) == 130
    assert "goes on" in said
    assert "Broken" not in said
    followed = jobs(nodes, "logs", job_of(said), "--follow")
    assert followed.returncode == 0, followed.stderr
    assert "Interpreted 6 studies" in followed.stdout


def test_stop_on_interrupt(nodes: RayNodes, bucket: Location) -> None:
    words = submitted(nodes, "--stop-on-interrupt", "--", "run", *places(bucket, "interrupted"))
    process = interruptible(words, env=environment(nodes), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert "listed" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    job = job_of(said)
    assert "stopped" in next(line for line in jobs(nodes, "list").stdout.splitlines() if job in line)


def test_without_the_token_nothing_is_sent(nodes: RayNodes, bucket: Location) -> None:
    words = submitted(nodes, "--", "run", *places(bucket, "refused"))
    answer = call(nodes, words, RAY_AUTH_MODE="disabled")
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert "RAY_AUTH_TOKEN_PATH" in answer.stderr


def test_another_cluster_in_the_environment_does_not_win(nodes: RayNodes, local: Location) -> None:
    started = time.monotonic()
    words = submitted(nodes, "--", "status", str(local))
    answer = call(nodes, words, RAY_ADDRESS="http://127.0.0.1:9", RAY_API_SERVER_ADDRESS="http://127.0.0.1:9")
    assert answer.returncode == 0, answer.stderr
    assert time.monotonic() - started < 120


def environment(nodes: RayNodes) -> Mapping[str, str]:
    return {**os.environ, **nodes.environment}
