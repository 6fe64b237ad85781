"""Tries again what may pass: throttled, reset, cut off, or bent on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tenacity

from echoprime.errors import ReadError
from echoprime.storage import s3

ATTEMPTS = 8
"""Tries a read: botocore's own five are over before the body comes, so a cut-off or bent one escapes them."""

WRITE_ATTEMPTS = 4
"""Tries a write, each with s3fs's and botocore's own: what escapes those is a lost answer."""

# full jitter: hundreds of readers that were slowed down together must not come back together
_WAIT = tenacity.wait_random_exponential(multiplier=0.2, max=20)


def _waited(state: tenacity.RetryCallState) -> float:
    """Seconds since the first try, and at least those that were spent waiting."""
    return max(state.idle_for, state.seconds_since_start or 0.0)


def _enough_reads(state: tenacity.RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    if _waited(state) >= s3.OUTAGE_SECONDS:
        return True
    return state.attempt_number >= ATTEMPTS and not (isinstance(error, ReadError) and error.of_the_store)


def _enough_writes(state: tenacity.RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    if error is not None and s3.unanswered(error):
        return _waited(state) >= s3.OUTAGE_SECONDS
    return state.attempt_number >= WRITE_ATTEMPTS


def _retryable(error: BaseException) -> bool:
    return isinstance(error, ReadError) and not error.lasts


def _write_may_pass(error: BaseException) -> bool:
    return s3.unanswered(error) or (isinstance(error, OSError) and not isinstance(error, PermissionError))


patient = tenacity.retry(
    retry=tenacity.retry_if_exception(_retryable),
    wait=_WAIT,
    stop=_enough_reads,
    reraise=True,
)
"""For reads: `ReadError`s of a passing reason. One object's are tried `ATTEMPTS` times; a store that answers
nobody, or slows down everybody, is waited for `OUTAGE_SECONDS`."""

_patient_write = tenacity.retry(
    retry=tenacity.retry_if_exception(_write_may_pass),
    wait=_WAIT,
    stop=_enough_writes,
    reraise=True,
)
"""For writes of whole objects, which may be done twice: `OSError`s but for a refused permission, and a store
that answers nobody."""


def write(action: Callable[..., object], *arguments: Any) -> None:  # noqa: ANN401  # s3fs has no types
    """Do what changes an object of a bucket, with patience.

    Raises
    ------
    OSError
        It failed each time. Botocore's own errors of a silent store are none, and name the key.
    """
    try:
        _patient_write(action)(*arguments)
    except Exception as error:
        if not s3.unanswered(error):
            raise
        raise OSError(f"the store does not answer ({type(error).__name__})") from None
