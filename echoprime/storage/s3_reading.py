"""One try at the bytes of an object in a bucket: whole or a range, and only if something vouches for them.

A flipped byte in a loop's pixels decodes, to another picture, and nothing in the file tells. So bytes are
taken if one of these says that they are what the store holds, the first that there is:

1. the checksum that the store sends with a whole object (botocore compares it);
2. the ETag, where it is made of the MD5 of the whole object, or of its parts';
3. TLS;
4. a second read that gives the same: over plain HTTP, for ranges and for stores with other ETags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import xxhash

from echoprime.errors import DeniedError, ReadError, Reason, UnansweredError
from echoprime.storage import s3
from echoprime.storage.etags import fits_etag

READS = 4
"""Of bytes that nothing vouches for; two must agree."""

_THROTTLES = frozenset(
    {"SlowDown", "503", "429", "ServiceUnavailable", "RequestLimitExceeded", "Throttling", "TooManyRequests"}
)
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "403"})
_CUT_OFF = frozenset(
    {"ClientPayloadError", "ContentLengthError", "IncompleteReadError", "ResponseStreamingError"}
)

_UNANSWERED = frozenset({"502", "504", "BadGateway", "GatewayTimeout"})
"""Of a load balancer that has nobody behind it; its 503 is a throttle."""

MISFITS = 3
"""Objects whose ETag is not their MD5, and none whose is: then it is something else there, and not damage."""

_md5s: set[_Bucket] = set()
_misfits: Counter[_Bucket] = Counter()
"""Buckets where an ETag was the MD5 of its object, and how often it was not."""


class _Bucket(NamedTuple):
    endpoint: str | None
    name: str


class _Answer(NamedTuple):
    """One answer: the bytes, what was said of them, and whether a checksum of them was compared."""

    data: bytes
    said: Mapping[str, Any]
    checked: bool

    @property
    def length(self) -> int | None:
        """Bytes that were announced; some stores, and proxies before them, announce none."""
        return _length(self.said)


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
    expected = part[1] - part[0] if part else size
    seen: set[bytes] = set()
    for _ in range(READS):
        answer: _Answer
        try:
            answer = ask_store(partial(_get, expected=expected, whole=part is None, token=token), wanted)
        except ReadError:
            if not seen:
                raise
            continue  # what came once needs to come once more, not twice
        by_etag = None if part or answer.checked else _by_etag(answer, bucket)
        # the end of a body without a length may be where the connection was cut
        ended = answer.length is not None or expected is not None
        if answer.checked or by_etag or (by_etag is None and s3.encrypted() and ended):
            return answer.data
        digest = xxhash.xxh3_128_digest(answer.data)
        if digest in seen:
            _misfits[_Bucket(s3.endpoint(), bucket)] += by_etag is False
            return answer.data
        seen.add(digest)
        del answer  # not two of them in memory
    raise ReadError(Reason.READ_ERROR, "it came out different each time it was read")


def describe(bucket: str, key: str) -> tuple[int, str]:
    """Bytes and ETag of an object.

    Raises
    ------
    ReadError
        MISSING, THROTTLED, READ_ERROR.
    """
    said = ask_store(_head, {"Bucket": bucket, "Key": key})
    length = _length(said)
    if length is None:
        raise ReadError(Reason.READ_ERROR, "the store does not tell an object's size")
    return length, _etag(said)


def _by_etag(answer: _Answer, bucket: str) -> bool | None:
    """As `fits_etag`, and None where ETags are known to be something else than MD5s."""
    where = _Bucket(s3.endpoint(), bucket)
    encrypted = str(answer.said.get("ServerSideEncryption", "")).startswith("aws:kms")
    other = _misfits[where] >= MISFITS and where not in _md5s
    if encrypted or other or "SSECustomerAlgorithm" in answer.said:
        return None
    fits = fits_etag(answer.data, _etag(answer.said))
    if fits:
        _md5s.add(where)
    return fits


def ask_store(ask: Callable[..., Any], wanted: Mapping[str, Any]) -> Any:  # noqa: ANN401  # s3fs has no types
    """One request of the process's client, waited for; whatever goes wrong is a `ReadError`."""
    import fsspec.asyn

    filesystem = s3.filesystem()
    try:
        return fsspec.asyn.sync(filesystem.loop, ask, filesystem, wanted)
    except (MemoryError, ReadError):
        raise
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


async def _get(
    filesystem: Any,  # noqa: ANN401  # s3fs has no types
    wanted: Mapping[str, str],
    *,
    expected: int | None,
    whole: bool,
    token: str,
) -> _Answer:
    """Ask, and take the body only where it is the one that is wanted, and no longer than that."""
    client = await client_for(filesystem, wanted["Bucket"])
    said = await client.get_object(**wanted)
    body, length = said["Body"], _length(said)
    try:
        require_same(length, _etag(said), expected if whole else None, token)
        if expected is not None and (length or 0) > expected:
            raise ReadError(
                Reason.READ_ERROR, f"the store sends {length} bytes where {expected} are asked for"
            )
        data: bytes = await body.read()
    finally:
        body.close()
    due = length if expected is None else expected
    if due is not None and len(data) != due:
        raise ReadError(Reason.SHORT_READ, f"{len(data)} of {due} bytes arrived")
    # botocore gives the body a checksum where it compares one
    return _Answer(data, said, getattr(body, "checksum", None) is not None)


def _length(said: Mapping[str, Any]) -> int | None:
    return int(said["ContentLength"]) if "ContentLength" in said else None


def _etag(response: Mapping[str, Any]) -> str:
    return str(response.get("ETag", "")).strip('"')


def require_same(found_size: int | None, found_token: str, size: int | None, token: str) -> None:
    """Refuse what is not what was listed, as far as it is told.

    Raises
    ------
    ReadError
        CHANGED.
    """
    if None not in (size, found_size) and found_size != size:
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
    if code in {"NoSuchKey", "NoSuchBucket", "404"}:
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
    if kind == "InvalidObjectState":
        return DeniedError(Reason.READ_ERROR, "the store keeps it in an archive tier; restore it there first")
    error_type: type[ReadError] = DeniedError if kind in _DENIED else ReadError
    if kind in _UNANSWERED or s3.unanswered(error):
        error_type = UnansweredError
    return error_type(Reason.READ_ERROR, f"the store refused, reset or timed out ({kind})")
