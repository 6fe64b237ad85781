"""The one object of a multipart answer (RFC 2046, 5.1), held once while it arrives."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from echoprime.errors import ReadError, Reason

MOST_HEADER = 64 * 1024
"""Bytes before an object begins: the boundary and a few headers."""


def only_part(pieces: Iterable[bytes], boundary: str) -> bytes:
    r"""The object of an answer that has one.

    Parameters
    ----------
    pieces
        The answer's body as it arrives, cut anywhere.
    boundary
        As its Content-Type says.

    Raises
    ------
    ReadError
        SHORT_READ: it ends before its last boundary. READ_ERROR: it has no object, or several.

    Examples
    --------
    >>> only_part([b"--b\r\nContent-Type: application/dicom\r\n\r\nhea", b"rt\r\n--", b"b--\r\n"], "b")
    b'heart'
    """
    marker = b"\r\n--" + boundary.encode()
    body = io.BytesIO()
    # as if a line came before the first boundary, so that all of them look alike
    head: bytearray | None = bytearray(b"\r\n")
    for piece in pieces:
        if head is None:
            body.write(piece)
            continue
        head += piece
        begin = _object_begins(head, marker)
        if begin is not None:
            body.write(memoryview(head)[begin:])
            head = None
    if head is not None:
        closed = marker + b"--" in head
        raise _count(0) if closed else _cut_off()
    return _up_to(body, marker)


def _object_begins(head: bytearray, marker: bytes) -> int | None:
    """Where the first part's bytes begin; None where its headers are not there yet, or no part is."""
    at = head.find(marker)
    begin = -1 if at < 0 else head.find(b"\r\n\r\n", at + len(marker))
    if begin < 0 and len(head) > MOST_HEADER:
        raise ReadError(Reason.READ_ERROR, "the answer's parts have no headers of the standard's")
    if begin < 0 or head[at + len(marker) :].startswith(b"--"):
        return None
    return begin + len(b"\r\n\r\n")


def _up_to(body: io.BytesIO, marker: bytes) -> bytes:
    """Bytes up to the boundary that must be the last; nothing is copied."""
    with body.getbuffer() as view:
        ends = [found.start() for found in re.finditer(re.escape(marker), view)]
        if not ends or bytes(view[ends[-1] + len(marker) :][:2]) != b"--":
            raise _cut_off()
    if len(ends) > 1:
        raise _count(len(ends))
    body.truncate(ends[0])
    return body.getvalue()


def _count(objects: int) -> ReadError:
    return ReadError(Reason.READ_ERROR, f"the server sent {objects} objects for one")


def _cut_off() -> ReadError:
    return ReadError(Reason.SHORT_READ, "the answer ends before its last boundary")
