"""What a server's answer says of a file, and whether the file is in it."""

from __future__ import annotations

import re

import requests

from echoprime.errors import BundleError


class NotThereError(BundleError):
    """A server refuses a file, or does not have it.

    Parameters
    ----------
    name, status
        Of the file; the answer's.
    """

    def __init__(self, name: str, status: int) -> None:
        super().__init__(
            f"{name}: the server answers {status}; check --mirror, or lay the file into the "
            "release folder by hand"
        )
        self.status = status


def length_of(answer: requests.Response) -> int | None:
    """Bytes of the body; None where it is not told, or is told of a packed one."""
    said = answer.headers.get("Content-Length", "")
    packed = answer.headers.get("Content-Encoding", "identity") != "identity"
    return int(said) if said.isdigit() and not packed else None


def validator_of(answer: requests.Response) -> str | None:
    """A strong ETag, else the date; weak ones say nothing of single bytes.

    Examples
    --------
    >>> answer = requests.Response()
    >>> answer.headers.update({"ETag": 'W/"1"', "Last-Modified": "Sat, 28 Nov 2026 10:00:00 GMT"})
    >>> validator_of(answer)
    'Sat, 28 Nov 2026 10:00:00 GMT'
    >>> answer.headers["ETag"] = '"1"'
    >>> validator_of(answer)
    '"1"'
    """
    etag = answer.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")


def require_told_end(answer: requests.Response, name: str) -> None:
    """Refuse an answer that ends with its connection: nothing would tell a part from the whole.

    Raises
    ------
    BundleError
        Naming the file.
    """
    if "Content-Length" not in answer.headers and "chunked" not in answer.headers.get(
        "Transfer-Encoding", ""
    ):
        raise BundleError(f"{name}: the server does not say how long it is; name another mirror")


def require_no_page(beginning: bytes, name: str) -> None:
    """Refuse what a login or an error page sends with status 200, and what stands in for a large file.

    Raises
    ------
    BundleError
        Naming what came.
    """
    start = beginning[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        raise BundleError(f"{name}: a web page came in its place; log in to the network, or check --mirror")
    if start.startswith(b"version https://git-lfs"):
        raise BundleError(f"{name}: a Git LFS pointer came in its place; name a mirror with the file itself")


def goes_on_at(answer: requests.Response, start: int, total: int, validator: str) -> bool:
    """Whether a 206 holds the bytes from `start` of the same version of the file.

    A server may know ranges and not If-Range: then its headers tell that the file is another one now.

    Examples
    --------
    >>> answer = requests.Response()
    >>> answer.headers.update({"Content-Range": "bytes 5-9/10", "ETag": '"1"'})
    >>> [goes_on_at(answer, 5, 10, '"1"'), goes_on_at(answer, 5, 10, '"2"'), goes_on_at(answer, 4, 10, '"1"')]
    [True, False, False]
    """
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    same = validator_of(answer) in (None, validator)
    return said is not None and (int(said[1]), int(said[2])) == (start, total) and same
