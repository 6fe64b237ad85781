"""Tries again what may pass: throttled, reset, cut off, or bent on the way."""

from __future__ import annotations

import tenacity

from echoprime.errors import ReadError

ATTEMPTS = 8
"""Tries a read: botocore's own five are over before the body comes, so a cut-off or bent one escapes them."""

WRITE_ATTEMPTS = 4
"""Tries a write, each with s3fs's and botocore's own: what escapes those is a lost answer."""

# full jitter: hundreds of readers that were slowed down together must not come back together
_WAIT = tenacity.wait_random_exponential(multiplier=0.2, max=20)


def _retryable(error: BaseException) -> bool:
    return isinstance(error, ReadError) and not error.lasts


def _write_may_pass(error: BaseException) -> bool:
    return isinstance(error, OSError) and not isinstance(error, PermissionError)


patient = tenacity.retry(
    retry=tenacity.retry_if_exception(_retryable),
    wait=_WAIT,
    stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_after_delay(120),
    reraise=True,
)
"""For reads: `ReadError`s of a passing reason."""

patient_write = tenacity.retry(
    retry=tenacity.retry_if_exception(_write_may_pass),
    wait=_WAIT,
    stop=tenacity.stop_after_attempt(WRITE_ATTEMPTS),
    reraise=True,
)
"""For writes of whole objects, which may be done twice: `OSError`s but for a refused permission."""
