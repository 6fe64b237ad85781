"""Whole objects, read once and checked: what a video's bytes go through on their way to the decoder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tenacity

from echoprime.errors import ReadError, Reason
from echoprime.storage.location import Location

ATTEMPTS = 6
"""Tries a read, each with botocore's own five: a truncated body escapes those 1 time in 20."""

_WORTH_A_RETRY = frozenset({Reason.SHORT_READ, Reason.THROTTLED, Reason.READ_ERROR})
_THROTTLES = frozenset(
    {"SlowDown", "503", "429", "ServiceUnavailable", "RequestLimitExceeded", "Throttling", "TooManyRequests"}
)
_CUT_OFF = frozenset(
    {"ClientPayloadError", "ContentLengthError", "IncompleteReadError", "ResponseStreamingError"}
)


def _retryable(error: BaseException) -> bool:
    return isinstance(error, ReadError) and error.reason in _WORTH_A_RETRY


@tenacity.retry(
    retry=tenacity.retry_if_exception(_retryable),
    # full jitter: hundreds of readers that were slowed down together must not come back together
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=20),
    stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_after_delay(120),
    reraise=True,
)
def read_object(root: Location, path: str, *, size: int, token: str) -> bytes:
    """Read one object of an archive whole, and only if it is still the one that was listed.

    Parameters
    ----------
    root
        The archive.
    path
        Below it, with "/", as in the manifest.
    size
        Bytes that the manifest has for it.
    token
        ETag (bucket) or modification time in nanoseconds (folder) that the manifest has; "" is not compared.

    Returns
    -------
    bytes
        Exactly `size` of them.

    Raises
    ------
    ReadError
        MISSING, CHANGED at once; SHORT_READ, THROTTLED, READ_ERROR after all retries.
    """
    if root.is_local:
        return _read_local(Path(root.uri) / path, size, token)
    return _read_s3(root, path, size, token)


def _read_local(path: Path, size: int, token: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            _require_same(found.st_size, str(found.st_mtime_ns), size, token)
            data = file.read(size)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing() from None
    except OSError as error:
        raise ReadError(Reason.READ_ERROR, f"the file system refused: {error.strerror}") from None
    _require_whole(data, size)
    return data


def _read_s3(root: Location, path: str, size: int, token: str) -> bytes:
    import fsspec.asyn

    filesystem = root.filesystem
    key = f"{root.key}/{path}" if root.key else path
    try:
        data: bytes = fsspec.asyn.sync(filesystem.loop, _fetch, filesystem, root.bucket, key, size, token)
    except ReadError:
        raise
    except Exception as error:  # botocore and aiohttp have dozens of types for this
        raise _store_error(error) from None
    _require_whole(data, size)
    return data


async def _fetch(filesystem: Any, bucket: str, key: str, size: int, token: str) -> bytes:  # noqa: ANN401  # s3fs has no types
    await filesystem.set_session()
    # the client itself: s3fs would repeat botocore's five tries five times, and then we ours
    client = await filesystem.get_s3(bucket)
    response = await client.get_object(Bucket=bucket, Key=key)
    body = response["Body"]
    try:
        _require_same(int(response["ContentLength"]), str(response["ETag"]).strip('"'), size, token)
        data: bytes = await body.read()
    finally:
        body.close()
    return data


def _require_same(found_size: int, found_token: str, size: int, token: str) -> None:
    if found_size != size:
        message = f"{found_size} bytes, {size} when it was listed; make the manifest again"
        raise ReadError(Reason.CHANGED, message)
    if token and found_token != token:
        raise ReadError(Reason.CHANGED, "written again since it was listed; make the manifest again")


def _require_whole(data: bytes, size: int) -> None:
    if len(data) != size:
        raise ReadError(Reason.SHORT_READ, f"{len(data)} of {size} bytes arrived")


def _missing() -> ReadError:
    return ReadError(Reason.MISSING, "no longer there; make the manifest again")


def _store_error(error: Exception) -> ReadError:
    """Codes and types only: the store's messages name keys, which may hold a patient's identifiers."""
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    if code in {"NoSuchKey", "404"}:
        return _missing()
    if code in _THROTTLES:
        return ReadError(Reason.THROTTLED, "the store kept asking to slow down; use fewer readers")
    kind = code or type(error).__name__
    if kind in _CUT_OFF:
        return ReadError(Reason.SHORT_READ, f"the body ended early ({kind})")
    return ReadError(Reason.READ_ERROR, f"the store refused, reset or timed out ({kind})")
