"""Jobs on a Ray cluster: what `echoprime jobs` does there."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.table import Table

from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings.cluster import JobLogsSettings, JobSettings, JobsSettings
from pipelines.submission.connection import connect, exit_code_of, job_details
from pipelines.submission.stopping import stop_and_wait


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
    """Stop a job: it is interrupted as by Ctrl-C, and what is finished stays in the tables.

    Raises
    ------
    EchoPrimeError
        It still runs after 90 seconds.
    """
    client = connect(settings.address)
    job_details(client, settings.job)
    became = stop_and_wait(client, settings.address, settings.job)
    console().print(f"{settings.job} {became}")
    return DONE
