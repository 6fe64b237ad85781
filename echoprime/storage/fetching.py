"""One try at an object's bytes, whole or a range, and only if it is still the one that was listed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from echoprime.errors import ReadError, Reason
from echoprime.storage.inside import leads_out
from echoprime.storage.location import Location

_THROTTLES = frozenset(
    {"SlowDown", "503", "429", "ServiceUnavailable", "RequestLimitExceeded", "Throttling", "TooManyRequests"}
)
_CUT_OFF = frozenset(
    {"ClientPayloadError", "ContentLengthError", "IncompleteReadError", "ResponseStreamingError"}
)


def fetch_whole(root: Location, path: str, *, size: int, token: str) -> bytes:
    """All `size` bytes of an object.

    Raises
    ------
    ReadError
        MISSING, CHANGED, SHORT_READ, THROTTLED, READ_ERROR.
    """
    _require_inside(path)
    if root.is_local:
        data = _read_local(Path(root.uri) / path, 0, size, size, token)
    else:
        data = _read_s3(root, path, None, size, token)
    if len(data) != size:
        raise ReadError(Reason.SHORT_READ, f"{len(data)} of {size} bytes arrived")
    return data


def fetch_range(root: Location, path: str, begin: int, end: int, token: str) -> bytes:
    """Bytes `begin` to `end` of an object, which has at least `end`.

    Raises
    ------
    ReadError
        As `fetch_whole`.
    """
    if end <= begin:
        return b""
    _require_inside(path)
    if root.is_local:
        data = _read_local(Path(root.uri) / path, begin, end - begin, None, token)
    else:
        data = _read_s3(root, path, (begin, end), None, token)
    if len(data) != end - begin:
        raise ReadError(Reason.SHORT_READ, f"{len(data)} of {end - begin} bytes arrived")
    return data


def _require_inside(path: str) -> None:
    """Plans refuse such a path already; nothing that reads asks twice where it came from."""
    if leads_out(path):
        raise ReadError(Reason.MISSING, "its path leads out of the archive; make the manifest again")


def _read_local(path: Path, begin: int, count: int, size: int | None, token: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            _require_same(found.st_size, str(found.st_mtime_ns), size, token)
            file.seek(begin)
            return file.read(count)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing() from None
    except OSError as error:
        raise ReadError(Reason.READ_ERROR, f"the file system refused: {error.strerror}") from None


def _read_s3(root: Location, path: str, part: tuple[int, int] | None, size: int | None, token: str) -> bytes:
    import fsspec.asyn

    filesystem = root.filesystem
    wanted = {"Bucket": root.bucket, "Key": f"{root.key}/{path}" if root.key else path}
    if part is not None:
        wanted["Range"] = f"bytes={part[0]}-{part[1] - 1}"
    try:
        data: bytes = fsspec.asyn.sync(filesystem.loop, _get, filesystem, wanted, size, token)
    except ReadError:
        raise
    except Exception as error:  # botocore and aiohttp have dozens of types for this
        raise _store_error(error) from None
    return data


async def _get(filesystem: Any, wanted: dict[str, str], size: int | None, token: str) -> bytes:  # noqa: ANN401  # s3fs has no types
    await filesystem.set_session()
    # the client itself: s3fs would repeat botocore's five tries five times, and then we ours
    client = await filesystem.get_s3(wanted["Bucket"])
    response = await client.get_object(**wanted)
    body = response["Body"]
    try:
        _require_same(int(response["ContentLength"]), str(response["ETag"]).strip('"'), size, token)
        data: bytes = await body.read()
    finally:
        body.close()
    return data


def _require_same(found_size: int, found_token: str, size: int | None, token: str) -> None:
    if size is not None and found_size != size:
        message = f"{found_size} bytes, {size} when it was listed; make the manifest again"
        raise ReadError(Reason.CHANGED, message)
    if token and found_token != token:
        raise ReadError(Reason.CHANGED, "written again since it was listed; make the manifest again")


def _missing() -> ReadError:
    return ReadError(Reason.MISSING, "no longer there; make the manifest again")


def _store_error(error: Exception) -> ReadError:
    """Codes and types only: the store's messages name keys, which may hold a patient's identifiers."""
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    if code in {"NoSuchKey", "404"}:
        return _missing()
    if code in {"InvalidRange", "416"}:
        return ReadError(Reason.CHANGED, "shorter than when it was listed; make the manifest again")
    if code in _THROTTLES:
        return ReadError(Reason.THROTTLED, "the store kept asking to slow down; use fewer readers")
    kind = code or type(error).__name__
    if kind in _CUT_OFF:
        return ReadError(Reason.SHORT_READ, f"the body ended early ({kind})")
    return ReadError(Reason.READ_ERROR, f"the store refused, reset or timed out ({kind})")
