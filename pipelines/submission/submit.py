"""Send a command to a Ray cluster as a job, follow it, and end as it ends."""

from __future__ import annotations

import importlib.metadata
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from echoprime.errors import EchoPrimeError, SettingError
from echoprime.tables import new_run_id
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings.cluster import SubmitSettings
from pipelines.submission.checks import ask_nodes, check_places
from pipelines.submission.connection import ClusterError, connect
from pipelines.submission.follow import follow_job, how_to_go_on
from pipelines.submission.package import DISTRIBUTION, staged_package
from pipelines.submission.words import SentCommand, read_command

STOP_BY_INTERRUPT = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": "60"}
"""A stopped job ends as by Ctrl-C: what is finished is committed, the run's record closed."""


def submit(settings: SubmitSettings, words: Sequence[str]) -> int:
    """Send `words` to the cluster; returns the job's exit code, or 0 at once where it is not followed.

    Raises
    ------
    UserError
        Command, places, address, or what the nodes have is wrong; nothing was sent then.
    """
    say = console(stderr=True).print

    # 1. What can be checked from here.
    command = read_command(words)
    environment = _environment(settings.pass_environment)
    for warning in check_places(command, shared=settings.shared):
        say(f"echoprime: {warning}")

    # 2. What the cluster is: does it answer, and can its nodes run this version?
    client = connect(settings.address)
    job = f"echoprime-{command.name.replace(' ', '-')}-{new_run_id()}"
    nodes = ask_nodes(client, settings.python, f"{job}-probe")
    nodes.require(image=settings.image)

    # 3. The job, with this package beside it or the image's.
    with _working_dir(settings) as folder:
        _send(client, job, command, settings, environment, folder)
    say(
        f"echoprime: {job} sent (Python {nodes.versions['python']}, Ray {nodes.versions['ray']}, "
        f"{'the image' if settings.image else 'this'} package)"
    )

    # 4. Its lines and its end.
    if not settings.follow:
        say(f"echoprime: {how_to_go_on(settings.address, job)}")
        return DONE
    return follow_job(client, settings.address, job, stop_on_interrupt=settings.stop_on_interrupt)


def _environment(names: Sequence[str]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise SettingError(f"--pass-environment {' '.join(missing)}: not set in this shell; set or leave out")
    return {name: os.environ[name] for name in names}


@contextmanager
def _working_dir(settings: SubmitSettings) -> Iterator[Path | None]:
    if settings.image:
        yield None
        return
    with staged_package() as folder:
        yield folder


def _send(
    client: Any,  # noqa: ANN401  # Ray's JobSubmissionClient
    job: str,
    command: SentCommand,
    settings: SubmitSettings,
    environment: dict[str, str],
    folder: Path | None,
) -> None:
    runtime: dict[str, Any] = {"env_vars": {**STOP_BY_INTERRUPT, **environment}}
    if folder is not None:
        runtime["working_dir"] = str(folder)
    try:
        client.submit_job(
            entrypoint=shlex.join([settings.python, "-m", "pipelines", *command.words]),
            submission_id=job,
            runtime_env=runtime,
            metadata={
                "echoprime_command": command.name,
                "echoprime_version": importlib.metadata.version(DISTRIBUTION),
            },
        )
    except ClusterError as error:
        if error.status is None:
            where = f"echoprime jobs list --address {settings.address}"
            raise EchoPrimeError(f"{error}; {job} may have been sent, see {where}") from None
        # Not the request itself, which holds what --pass-environment passes.
        reason = reason_without(error.said, environment.values())
        raise EchoPrimeError(f"the cluster refuses the job: {reason[-300:]}") from None


def reason_without(said: str, values: Iterable[str]) -> str:
    """What a cluster said on one line, without values that must not be shown.

    Examples
    --------
    >>> reason_without("bad request:\\n{'AWS_SECRET_ACCESS_KEY': 'abc'}", ["abc", ""])
    "bad request: {'AWS_SECRET_ACCESS_KEY': '...'}"
    """
    for value in sorted(filter(None, values), key=len, reverse=True):
        said = said.replace(value, "...")
    return " ".join(said.split())
