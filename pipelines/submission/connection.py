"""The connection to a Ray cluster's Jobs API, and what it says of a job."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from echoprime.errors import EchoPrimeError, SettingError
from pipelines.exit_codes import CRASHED, DONE, INCOMPLETE, INTERRUPTED, MISTAKEN

ANSWER_SECONDS = 20.0
"""A Jobs API that takes longer for one answer is not there; Ray's own client would wait for ever."""

TOKEN = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the cluster's token"  # nosec B105  # none

PACKAGES = "/api/packages/"
"""Asked whether a package is there: 404 is an answer, and none is JSON."""


class ClusterError(EchoPrimeError):
    """A cluster that was connected gives no answer, an error, or an answer that is not Ray's.

    Parameters
    ----------
    address
        Of its Jobs API.
    reason
        What came in place of an answer, in words.
    status
        HTTP status; None where there was none, or not Ray's.
    said
        The whole of what came; it may repeat what was sent.
    """

    def __init__(self, address: str, reason: str, *, status: int | None = None, said: str = "") -> None:
        super().__init__(f"{address}: {reason}")
        self.status = status
        self.said = said

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered in a while."""
        return self.status is None or self.status >= 500


def connect(address: str) -> Any:  # noqa: ANN401  # Ray's JobSubmissionClient; ray is imported late
    """A client of the cluster's Jobs API.

    Its methods raise `ClusterError` for whatever goes wrong later, and `SettingError` for a wrong token.

    Parameters
    ----------
    address
        http://HOST:PORT or https://HOST:PORT.

    Raises
    ------
    SettingError
        Another form, nothing answers, or the token is missing or wrong.
    """
    _require_http(address)
    import ray
    import requests
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):
        """Ray's, with an end to its patience, and one kind of error."""

        def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:  # noqa: ANN401
            try:
                answer = super()._do_request(method, endpoint, **{"timeout": ANSWER_SECONDS, **options})
                if endpoint.startswith(PACKAGES) and answer.status_code in (200, 404):
                    return answer
                if answer.status_code == 200:
                    answer.json()
                    return answer
            except ray.exceptions.AuthenticationError:
                raise _wants_token(address) from None
            except requests.JSONDecodeError as error:
                reason = "what answers is not Ray's Jobs API; see what is at this address"
                raise ClusterError(address, reason) from error
            except requests.RequestException as error:
                raise ClusterError(address, f"no answer ({type(error).__name__})") from error
            lines = answer.text.split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "no reason")
            reason = f"the cluster answers with an error (HTTP {answer.status_code}: {last[:200]})"
            raise ClusterError(address, reason, status=answer.status_code, said=answer.text)

    for name in [name for name in logging.root.manager.loggerDict if name.startswith("ray.")]:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with _without_ray_address():
            return Client(address)
    except ray.exceptions.AuthenticationError:
        raise _wants_token(address) from None
    except (ClusterError, ConnectionError, RuntimeError, ValueError, KeyError) as error:
        reason = type(error.__cause__ or error).__name__
        raise SettingError(
            f"--address {address}: no Ray Jobs API answers ({reason}); "
            "give http://HEAD:8265, and see that its dashboard port is open to here"
        ) from error


def _require_http(address: str) -> None:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an end, a port that is no number
        usable = False
    if not usable:
        raise SettingError(
            f"--address {address!r}: give the Jobs API of the cluster's head, as in http://head:8265"
        )


def _wants_token(address: str) -> SettingError:
    return SettingError(f"--address {address}: the cluster wants a token; {TOKEN}")


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
    ClusterError
        It gives no answer.
    """
    try:
        return client.get_job_info(job)
    except ClusterError as error:
        if error.status != 404:
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
