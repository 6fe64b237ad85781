"""Jobs on a Ray cluster: the connection to its Jobs API, and what `echoprime jobs` does there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from rich.table import Table

from echoprime.errors import SettingError
from pipelines.console import console
from pipelines.exit_codes import CRASHED, DONE, INCOMPLETE, INTERRUPTED, MISTAKEN
from pipelines.settings.cluster import JobLogsSettings, JobSettings, JobsSettings

ANSWER_SECONDS = 20.0
"""A Jobs API that takes longer for one answer is not there; Ray's own client would wait for ever."""

TOKEN = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the cluster's token"


def connect(address: str) -> Any:  # noqa: ANN401  # Ray's JobSubmissionClient; ray is imported late
    """A client of the cluster's Jobs API.

    Parameters
    ----------
    address
        http://HOST:PORT or https://HOST:PORT.

    Raises
    ------
    SettingError
        Another form, nothing answers, or the token is missing or wrong.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingError(
            f"--address {address!r}: give the Jobs API of the cluster's head, as in http://head:8265"
        )
    import ray
    import requests
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):
        """Ray's, with an end to its patience."""

        def _do_request(self, *words: Any, **options: Any) -> Any:  # noqa: ANN401
            return super()._do_request(*words, **{"timeout": ANSWER_SECONDS, **options})

    for name in [name for name in logging.root.manager.loggerDict if name.startswith("ray.")]:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with _without_ray_address():
            return Client(address)
    except ray.exceptions.AuthenticationError:
        raise SettingError(f"--address {address}: the cluster wants a token; {TOKEN}") from None
    except (ConnectionError, RuntimeError, ValueError, KeyError, requests.RequestException) as error:
        raise SettingError(
            f"--address {address}: no Ray Jobs API answers ({type(error).__name__}); "
            "give http://HEAD:8265, and see that its dashboard port is open to here"
        ) from error


@contextmanager
def _without_ray_address() -> Iterator[None]:
    """Ray lets these win over the address that it is given: a job would go to another cluster unseen."""
    names = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def job_details(client: Any, job: str) -> Any:  # noqa: ANN401  # Ray's client and its JobDetails
    """What the cluster knows of a job.

    Raises
    ------
    SettingError
        It knows none of this name.
    """
    try:
        return client.get_job_info(job)
    except RuntimeError as error:
        if "status code 404" not in str(error):
            raise
        raise SettingError(f"no job {job!r} on this cluster; see echoprime jobs list") from None


def exit_code_of(details: Any) -> int:  # noqa: ANN401  # Ray's JobDetails
    """The exit code that a finished job ended with: the command's own where it had one."""
    status = str(details.status)
    if status == "SUCCEEDED":
        return DONE
    if status == "STOPPED":
        return INTERRUPTED
    known = (CRASHED, MISTAKEN, INCOMPLETE, INTERRUPTED)
    return details.driver_exit_code if details.driver_exit_code in known else CRASHED


def list_jobs(settings: JobsSettings) -> int:
    """Show the cluster's submitted jobs, newest first."""
    from pipelines.submission.checks import PROBE_COMMAND

    jobs = [
        job
        for job in connect(settings.address).list_jobs()
        if job.submission_id and (job.metadata or {}).get("echoprime_command") != PROBE_COMMAND
    ]
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "command", "version", "status", "started (UTC)"):
        table.add_column(heading, no_wrap=True, overflow="ignore")
    table.add_column("minutes", justify="right")
    table.add_column("exit code", justify="right")
    for job in sorted(jobs, key=lambda job: job.start_time or 0, reverse=True):
        about = job.metadata or {}
        ended = str(job.status) in {"SUCCEEDED", "STOPPED", "FAILED"}
        table.add_row(
            job.submission_id,
            about.get("echoprime_command", "of another program"),
            about.get("echoprime_version", ""),
            str(job.status).lower(),
            _time(job.start_time),
            _minutes(job.start_time, job.end_time),
            str(exit_code_of(job)) if ended else "",
        )
    out = console()
    if not out.is_terminal:
        out.width = 200  # names whole in a file or pipe
    out.print(table if jobs else "no jobs on this cluster")
    return DONE


def _time(milliseconds: int | None) -> str:
    if not milliseconds:
        return ""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _minutes(started: int | None, ended: int | None) -> str:
    if not started:
        return ""
    until = ended / 1000 if ended else datetime.now(UTC).timestamp()
    return f"{(until - started / 1000) / 60:,.1f}"


def show_logs(settings: JobLogsSettings) -> int:
    """Show what a job has said; with `follow` until it ends, and return its exit code."""
    from pipelines.submission.follow import follow_job, shown

    client = connect(settings.address)
    job_details(client, settings.job)
    if settings.follow:
        return follow_job(client, settings.address, settings.job)
    console().print(shown(client.get_job_logs(settings.job)), end="")
    return DONE


def stop_job(settings: JobSettings) -> int:
    """Stop a job: it is interrupted as by Ctrl-C, and what is finished stays in the tables."""
    from pipelines.submission.follow import wait_for_end

    client = connect(settings.address)
    job_details(client, settings.job)
    out = console()
    if not client.stop_job(settings.job):
        out.print(f"{settings.job} has ended before")
        return DONE
    status = wait_for_end(client, settings.job)
    out.print(f"{settings.job} {str(status).lower()}; the same command goes on from there")
    return DONE
