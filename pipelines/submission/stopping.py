"""Stopping a job on a cluster, and waiting for what becomes of it."""

from __future__ import annotations

import time
from typing import Any

from echoprime.errors import EchoPrimeError
from pipelines.submission.connection import job_details

STOP_SECONDS = 90.0
"""A stopped job has a minute to commit what is finished; Ray kills it then."""


def stop_and_wait(client: Any, address: str, job: str) -> str:  # noqa: ANN401  # Ray's JobSubmissionClient
    """Stop a job and wait until it has ended.

    Returns
    -------
    str
        What became of it, to be said after its name.

    Raises
    ------
    EchoPrimeError
        It still runs after 90 seconds, or the cluster does not answer.
    """
    if not client.stop_job(job):
        return "has ended before"
    ends = time.monotonic() + STOP_SECONDS
    while not (status := job_details(client, job).status).is_terminal():
        if time.monotonic() > ends:
            raise EchoPrimeError(
                f"{job} is still {str(status).lower()}, {STOP_SECONDS:.0f} s after it was told to stop; "
                f"look again with echoprime jobs list --address {address}"
            )
        time.sleep(0.3)
    if str(status) == "STOPPED":
        return "stopped; the same command goes on from there"
    return f"{str(status).lower()} before it was stopped"
