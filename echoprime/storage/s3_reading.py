"""One try at the bytes of an object in a bucket: whole or a range, and only if something vouches for them.

A flipped byte in a loop's pixels decodes, to another picture, and nothing in the file tells. So bytes are
taken if one of these says that they are what the store holds, the first that there is:

1. the checksum that the store sends with a whole object (botocore compares it);
2. the ETag, where it is made of the MD5 of the whole object, or of its parts';
3. TLS;
4. a second read that gives the same: over plain HTTP, for ranges and for stores with other ETags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import xxhash

from echoprime.errors import DeniedError, ReadError, Reason, UnansweredError
from echoprime.storage import s3
from echoprime.storage.etags import fits_etag

READS = 4
"""Of bytes that nothing vouches for; two must agree."""

_THROTTLES = frozenset(
    {"SlowDown", "503", "429", "ServiceUnavailable", "RequestLimitExceeded", "Throttling", "TooManyRequests"}
)
_CUT_OFF = frozenset(
    {"ClientPayloadError", "ContentLengthError", "IncompleteReadError", "ResponseStreamingError"}
)

_UNANSWERED = frozenset({"502", "504", "BadGateway", "GatewayTimeout"})
"""Of a load balancer that has nobody behind it; its 503 is a throttle."""

_no_md5: set[tuple[str | None, str]] = set()
"""Endpoint and bucket where ETags were seen to be something else: an encrypting or compressing store's."""


def fetch(
    bucket: str, key: str, part: tuple[int, int] | None = None, *, size: int | None = None, token: str = ""
) -> bytes:
    """Read an object, or bytes `part[0]` to `part[1]` of it.

    Parameters
    ----------
    bucket, key
        Of the object.
    part
        Begin and end; the object has at least `end`.
    size
        Bytes that the whole object must have; None is not compared.
    token
        ETag that it must have; "" is not compared. The store is asked for this one alone (If-Match), and what
        it answers is compared all the same: not every store looks at that header.

    Raises
    ------
    ReadError
        MISSING, CHANGED, SHORT_READ, THROTTLED, READ_ERROR.
    """
    wanted = {"Bucket": bucket, "Key": key}
    if part is not None:
        wanted["Range"] = f"bytes={part[0]}-{part[1] - 1}"
    if token:
        wanted["IfMatch"] = f'"{token}"'
    seen: set[bytes] = set()
    for _ in range(READS):
        data: bytes
        try:
            data, response, checked = ask_store(_get, wanted)
        except ReadError:
            if not seen:
                raise
            continue  # what came once needs to come once more, not twice
        _require_same(response, None if part else size, token)
        expected = part[1] - part[0] if part else int(response["ContentLength"])
        if len(data) != expected:
            raise ReadError(Reason.SHORT_READ, f"{len(data)} of {expected} bytes arrived")
        by_etag = None if part or checked else _by_etag(data, response, bucket)
        if checked or by_etag or (by_etag is None and s3.encrypted()):
            return data
        digest = xxhash.xxh3_128_digest(data)
        if digest in seen:
            if by_etag is False:
                _no_md5.add((s3.endpoint(), bucket))
            return data
        seen.add(digest)
        del data  # not two of them in memory
    raise ReadError(Reason.READ_ERROR, "it came out different each time it was read")


def describe(bucket: str, key: str) -> tuple[int, str]:
    """Bytes and ETag of an object.

    Raises
    ------
    ReadError
        MISSING, THROTTLED, READ_ERROR.
    """
    response = ask_store(_head, {"Bucket": bucket, "Key": key})
    return int(response["ContentLength"]), _etag(response)


def _by_etag(data: bytes, response: Mapping[str, Any], bucket: str) -> bool | None:
    """As `fits_etag`, and None where ETags are known to be something else than MD5s."""
    encrypted = str(response.get("ServerSideEncryption", "")).startswith("aws:kms")
    if encrypted or "SSECustomerAlgorithm" in response or (s3.endpoint(), bucket) in _no_md5:
        return None
    return fits_etag(data, _etag(response))


def ask_store(ask: Callable[..., Any], wanted: Mapping[str, Any]) -> Any:  # noqa: ANN401  # s3fs has no types
    """One request of the process's client, waited for; whatever goes wrong is a `ReadError`."""
    import fsspec.asyn

    filesystem = s3.filesystem()
    try:
        return fsspec.asyn.sync(filesystem.loop, ask, filesystem, wanted)
    except Exception as error:  # botocore and aiohttp have dozens of types for this
        raise store_error(error) from None


async def client_for(filesystem: Any, bucket: str) -> Any:  # noqa: ANN401  # s3fs has no types
    """The client itself: s3fs would repeat botocore's five tries five times, and then we ours."""
    await filesystem.set_session()
    return await filesystem.get_s3(bucket)


async def _head(filesystem: Any, wanted: Mapping[str, str]) -> Mapping[str, Any]:  # noqa: ANN401  # s3fs has no types
    client = await client_for(filesystem, wanted["Bucket"])
    response: Mapping[str, Any] = await client.head_object(**wanted)
    return response


async def _get(filesystem: Any, wanted: Mapping[str, str]) -> tuple[bytes, Mapping[str, Any], bool]:  # noqa: ANN401  # s3fs has no types
    """The body, what was said of it, and whether a checksum of it was compared."""
    client = await client_for(filesystem, wanted["Bucket"])
    response = await client.get_object(**wanted)
    body = response["Body"]
    try:
        data: bytes = await body.read()
    finally:
        body.close()
    # botocore gives the body a checksum where it compares one
    return data, response, getattr(body, "checksum", None) is not None


def _etag(response: Mapping[str, Any]) -> str:
    return str(response.get("ETag", "")).strip('"')


def _require_same(response: Mapping[str, Any], size: int | None, token: str) -> None:
    require_same(int(response["ContentLength"]), _etag(response), size, token)


def require_same(found_size: int, found_token: str, size: int | None, token: str) -> None:
    """Refuse what is not what was listed.

    Raises
    ------
    ReadError
        CHANGED.
    """
    if size is not None and found_size != size:
        message = f"{found_size} bytes, {size} when it was listed; make the manifest again"
        raise ReadError(Reason.CHANGED, message)
    if token and found_token != token:
        raise ReadError(Reason.CHANGED, "written again since it was listed; make the manifest again")


def missing() -> ReadError:
    """What was listed is gone."""
    return ReadError(Reason.MISSING, "no longer there; make the manifest again")


def store_error(error: Exception) -> ReadError:
    """Codes and types only: the store's messages name keys, which may hold a patient's identifiers."""
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    if code in {"NoSuchKey", "404"}:
        return missing()
    if code in {"PreconditionFailed", "412"}:
        return ReadError(Reason.CHANGED, "written again since it was listed; make the manifest again")
    if code in {"InvalidRange", "416"}:
        return ReadError(Reason.CHANGED, "shorter than when it was listed; make the manifest again")
    if code in _THROTTLES:
        return ReadError(Reason.THROTTLED, "the store kept asking to slow down; use fewer readers")
    kind = code or type(error).__name__
    if kind in _CUT_OFF:
        return ReadError(Reason.SHORT_READ, f"the body ended early ({kind})")
    error_type = ReadError
    if kind in {"AccessDenied", "403"}:
        error_type = DeniedError
    elif kind in _UNANSWERED or s3.unanswered(error):
        error_type = UnansweredError
    return error_type(Reason.READ_ERROR, f"the store refused, reset or timed out ({kind})")
