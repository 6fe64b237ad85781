"""Commands that send jobs to a Ray cluster and look after them there, and the one that checks a machine."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from pipelines.commands.app import app, examples
from pipelines.settings import DoctorSettings, JobLogsSettings, JobSettings, JobsSettings, SubmitSettings

Words = Annotated[str, Parameter(show=False, allow_leading_hyphen=False)]


@app.command(
    help_epilogue=examples(
        "echoprime submit --address http://head:8265 -- run --archive s3://echo/2024 "
        "--bundle s3://models/echoprime --output s3://echo-out/2024",
        "echoprime submit --address http://head:8265 --image --pass-environment AWS_ENDPOINT_URL -- "
        "interpret --bundle s3://models/echoprime --output s3://echo-out/2024 --name again",
    )
)
def submit(
    *words: Words, settings: Annotated[SubmitSettings, Parameter(name="*", consume_multiple=True)]
) -> int:
    """Send the command after -- to a Ray cluster, follow it, and end as it ends.

    Any command but demo, submit and jobs. Places must be ones that every node sees.
    """
    from pipelines.submission.submit import submit as job

    return job(settings, words)


jobs_app = App(name="jobs", help="Jobs on a Ray cluster: list, logs, stop.")
app.command(jobs_app)


@jobs_app.command(name="list", help_epilogue=examples("echoprime jobs list --address http://head:8265"))
def jobs_list(settings: Annotated[JobsSettings, Parameter(name="*")]) -> int:
    """Submitted jobs with their states and exit codes, newest first."""
    from pipelines.submission.jobs import list_jobs

    return list_jobs(settings)


@jobs_app.command(
    name="logs",
    help_epilogue=examples("echoprime jobs logs JOB --address http://head:8265 --follow"),
)
def jobs_logs(job: str, /, *, address: str, follow: bool = False) -> int:
    """What a job has said.

    Parameters
    ----------
    job
        The job's name, as `echoprime submit` and `echoprime jobs list` show it.
    address
        The cluster's Jobs API, such as http://head:8265.
    follow
        Go on until the job ends, and exit with its exit code.
    """
    from pipelines.submission.jobs import show_logs

    return show_logs(JobLogsSettings(job=job, address=address, follow=follow))


@jobs_app.command(name="stop", help_epilogue=examples("echoprime jobs stop JOB --address http://head:8265"))
def jobs_stop(job: str, /, *, address: str) -> int:
    """Stop a job as Ctrl-C would: what is finished stays in the tables.

    Parameters
    ----------
    job
        The job's name, as `echoprime submit` and `echoprime jobs list` show it.
    address
        The cluster's Jobs API, such as http://head:8265.
    """
    from pipelines.submission.jobs import stop_job

    return stop_job(JobSettings(job=job, address=address))


@app.command(
    help_epilogue=examples(
        "echoprime doctor",
        "echoprime doctor --bundle bundle/ --archive s3://echo/2024 --output s3://echo-out/2024",
    )
)
def doctor(settings: Annotated[DoctorSettings, Parameter(name="*")] = DoctorSettings()) -> int:  # noqa: B008
    """Check this machine, a cluster, bundle, archive and output: ok, warning or failure, with the cure."""
    from pipelines.examination.doctor import examine

    return examine(settings)
