"""Objects of a bucket, page by page as the store orders them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from echoprime.errors import ReadError, Reason
from echoprime.storage import s3
from echoprime.storage.patience import patient
from echoprime.storage.s3_files import describe
from echoprime.storage.s3_reading import READS, ask_store, client_for

PAGE = 1000
"""Objects asked for at a time: the most that S3 gives."""


class Listed(NamedTuple):
    """One object: its key, bytes, and ETag."""

    key: str
    size: int
    etag: str


def list_objects(bucket: str, prefix: str) -> Iterator[Listed]:
    """Every object whose key begins with `prefix`, a page of 1,000 in memory.

    A name or an ETag with a flipped byte is a name or an ETag: over plain HTTP a page counts once it came
    twice.

    Raises
    ------
    ReadError
        MISSING, THROTTLED, READ_ERROR: the store does not answer, tried again before.
    """
    more = ""
    while True:
        objects, more = _page(bucket, prefix, more)
        yield from objects
        if not more:
            return


def is_there(bucket: str, key: str) -> bool:
    """Whether there is an object, or one below its name; "" asks for the bucket.

    The list is asked first: keys that may read what is below a prefix may often not ask for its own name.

    Raises
    ------
    ReadError
        THROTTLED, READ_ERROR, and `DeniedError`.
    """
    try:
        if not key:
            _page(bucket, "", "", 1)
            return True
        if _page(bucket, f"{key}/", "", 1)[0]:
            return True
        describe(bucket, key)
    except ReadError as error:
        if error.reason is not Reason.MISSING:
            raise
        return False
    return True


@patient
def _page(bucket: str, prefix: str, more: str, most: int | None = None) -> tuple[list[Listed], str]:
    """One page, and the name of the next; "" at the end."""
    wanted = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": most or PAGE} | (
        {"ContinuationToken": more} if more else {}
    )
    seen: list[tuple[list[Listed], str]] = []
    for _ in range(READS):
        response = ask_store(_list, wanted)
        objects = [
            Listed(item["Key"], int(item["Size"]), str(item.get("ETag", "")).strip('"'))
            for item in response.get("Contents", ())
        ]
        found = objects, _next(response, more)
        if s3.encrypted() or found in seen:
            return found
        seen.append(found)
    raise ReadError(Reason.READ_ERROR, "the store listed other objects each time")


def _next(response: Mapping[str, Any], asked: str) -> str:
    """The name of the page after one that was asked for by its own; "" after the last."""
    if not response.get("IsTruncated"):
        return ""
    found = str(response.get("NextContinuationToken", ""))
    if found in ("", asked):
        raise ReadError(Reason.READ_ERROR, "the store cuts its list short and names no next page of it")
    return found


async def _list(filesystem: Any, wanted: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ANN401  # s3fs has no types
    client = await client_for(filesystem, wanted["Bucket"])
    response: Mapping[str, Any] = await client.list_objects_v2(**wanted)
    return response
